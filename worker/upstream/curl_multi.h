#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/loop/loop.h"

namespace moa::upstream {

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiCleanup {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ShareCleanup {
  void operator()(CURLSH* share) const { curl_share_cleanup(share); }
};
struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using EasyHandle = std::unique_ptr<CURL, EasyCleanup>;
using MultiHandle = std::unique_ptr<CURLM, MultiCleanup>;
using ShareHandle = std::unique_ptr<CURLSH, ShareCleanup>;
using HeaderList = std::unique_ptr<curl_slist, SlistFree>;

// libcurl's multi interface with its sockets and timers on a Loop.
//
// A connection's socket stays in the epoll set from one request to the next: for a short call that
// saves two system calls. It leaves the set when libcurl closes it, or when it becomes readable
// while nobody uses it (the peer closed it).
//
// Owner: UpstreamClient. Loop thread only. `on_turn` comes after libcurl has worked because of a
// socket or a timer: the moment to take the finished transfers. No callback of libcurl may call Add
// or Remove.
class CurlMulti {
 public:
  struct Options {
    size_t connections_max = 0;  // 0: no limit; transfers beyond wait
    size_t idle_connections_max = 64;
    size_t streams_per_connection = 32;  // HTTP/2
  };

  CurlMulti(Loop& loop, const Options& options, std::function<void()> on_turn);
  // REQUIRES: every easy handle was removed and destroyed.
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // Sets what an easy handle needs to be used here. Once a handle, before its first Add.
  void Prepare(CURL* easy);

  // Starts the transfer and lets it go as far as it can now. False when libcurl refuses it.
  bool Add(CURL* easy);

  // Ends the transfer wherever it is; closes its connection unless it was finished.
  void Remove(CURL* easy);

  // The next finished transfer, null when there is none; its result goes to `code`. Remove it.
  CURL* TakeFinished(CURLcode* code);

 private:
  // What the loop watches for a descriptor, and what libcurl wants of it (epoll's bits; 0:
  // nothing).
  struct Socket {
    bool connection =
        false;  // of a connection (not libcurl's own, for name lookups): OnCloseSocket comes
    bool watched = false;
    uint32_t watched_events = 0;
    uint32_t wanted_events = 0;
  };

  static int OnSocket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);
  static curl_socket_t OnOpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int OnCloseSocket(void* self, curl_socket_t fd);

  void SocketReady(int fd, uint32_t epoll_events);
  void Act(curl_socket_t fd, int mask);
  void ArmTimer();
  void TimerFired();
  Socket& SocketOf(int fd);

  Loop& loop_;
  const std::function<void()> on_turn_;
  std::vector<Socket> sockets_;  // by descriptor
  // When libcurl wants to be called next. A timer that is armed earlier is left to fire for
  // nothing: libcurl changes its mind several times a call.
  absl::Time wanted_time_ = absl::InfiniteFuture();
  absl::Time armed_time_ = absl::InfiniteFuture();
  Loop::TimerId timer_ = 0;
  bool acting_ = false;  // inside libcurl
  // TLS sessions, so that a new connection resumes an older one's: libcurl 7.88 keeps them by easy
  // handle otherwise. (Names and connections it shares within a multi handle by itself.)
  ShareHandle share_;
  MultiHandle multi_;  // last: its cleanup closes sockets, which calls back
};

}  // namespace moa::upstream
