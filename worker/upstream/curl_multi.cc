#include "worker/upstream/curl_multi.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "common/base/check.h"

namespace moa::upstream {

CurlMulti::CurlMulti(Loop& loop, const Options& options, std::function<void()> on_turn)
    : loop_(loop),
      on_turn_(std::move(on_turn)),
      share_(curl_share_init()),
      multi_(curl_multi_init()) {
  MOA_CHECK(share_ != nullptr && multi_ != nullptr);
  // No locks: only the loop's thread comes here.
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  CURLM* multi = multi_.get();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &CurlMulti::OnSocket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &CurlMulti::OnTimer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.idle_connections_max));
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                    static_cast<long>(options.connections_max));
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                    static_cast<long>(options.streams_per_connection));
}

CurlMulti::~CurlMulti() {
  acting_ = true;  // closing connections may set timers, which nobody needs any more
  multi_.reset();
  if (timer_ != 0) loop_.CancelTimer(timer_);
  for (size_t fd = 0; fd < sockets_.size(); ++fd) {
    if (sockets_[fd].watched) loop_.UnwatchFd(static_cast<int>(fd));
  }
}

void CurlMulti::Prepare(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlMulti::OnOpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlMulti::OnCloseSocket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_SHARE, share_.get());
}

bool CurlMulti::Add(CURL* easy) {
  MOA_CHECK(!acting_);
  acting_ = true;
  const CURLMcode code = curl_multi_add_handle(multi_.get(), easy);
  acting_ = false;
  if (code != CURLM_OK) return false;
  // Connects, or sends on a kept connection, without another turn of the loop.
  Act(CURL_SOCKET_TIMEOUT, 0);
  ArmTimer();
  return true;
}

void CurlMulti::Remove(CURL* easy) {
  MOA_CHECK(!acting_);
  acting_ = true;
  curl_multi_remove_handle(multi_.get(), easy);
  acting_ = false;
  ArmTimer();
}

CURL* CurlMulti::TakeFinished(CURLcode* code) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    *code = message->data.result;
    return message->easy_handle;
  }
  return nullptr;
}

CurlMulti::Socket& CurlMulti::SocketOf(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index >= sockets_.size()) sockets_.resize(index + 64);
  return sockets_[index];
}

int CurlMulti::OnSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto* multi = static_cast<CurlMulti*>(self);
  Socket& socket = multi->SocketOf(fd);
  switch (what) {
    case CURL_POLL_IN:
      socket.wanted_events = EPOLLIN;
      break;
    case CURL_POLL_OUT:
      socket.wanted_events = EPOLLOUT;
      break;
    case CURL_POLL_INOUT:
      socket.wanted_events = EPOLLIN | EPOLLOUT;
      break;
    default:
      socket.wanted_events = 0;
      // One that polls as writable would wake the loop for ever, and of one that is not a
      // connection's nobody tells when it is closed.
      if (socket.watched && (!socket.connection || socket.watched_events != EPOLLIN)) {
        multi->loop_.UnwatchFd(fd);
        socket.watched = false;
      }
      return 0;
  }
  if (socket.watched && socket.watched_events == socket.wanted_events) return 0;
  socket.watched_events = socket.wanted_events;
  Loop::FdCallback callback;
  if (!socket.watched) callback = [multi, fd](uint32_t events) { multi->SocketReady(fd, events); };
  socket.watched = true;
  multi->loop_.WatchFd(fd, socket.wanted_events, std::move(callback));
  return 0;
}

curl_socket_t CurlMulti::OnOpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* multi = static_cast<CurlMulti*>(self);
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  Socket& record = multi->SocketOf(fd);
  record = Socket();
  record.connection = true;
  return fd;
}

int CurlMulti::OnCloseSocket(void* self, curl_socket_t fd) {
  auto* multi = static_cast<CurlMulti*>(self);
  Socket& socket = multi->SocketOf(fd);
  if (socket.watched) multi->loop_.UnwatchFd(fd);
  socket = Socket();
  return close(fd);
}

int CurlMulti::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto* multi = static_cast<CurlMulti*>(self);
  multi->wanted_time_ =
      timeout_ms < 0 ? absl::InfiniteFuture() : Loop::Now() + absl::Milliseconds(timeout_ms);
  if (!multi->acting_) multi->ArmTimer();
  return 0;
}

void CurlMulti::SocketReady(int fd, uint32_t epoll_events) {
  Socket& socket = SocketOf(fd);
  if (socket.wanted_events == 0) {
    // An idle connection that the peer closed. libcurl finds out when it wants to use it again.
    loop_.UnwatchFd(fd);
    socket.watched = false;
    return;
  }
  int mask = 0;
  if ((epoll_events & (EPOLLIN | EPOLLHUP)) != 0) mask |= CURL_CSELECT_IN;
  if ((epoll_events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((epoll_events & EPOLLERR) != 0) mask |= CURL_CSELECT_ERR;
  Act(fd, mask);
  ArmTimer();
  on_turn_();
}

void CurlMulti::Act(curl_socket_t fd, int mask) {
  MOA_CHECK(!acting_);
  acting_ = true;
  int running = 0;
  curl_multi_socket_action(multi_.get(), fd, mask, &running);
  acting_ = false;
}

void CurlMulti::ArmTimer() {
  if (wanted_time_ == absl::InfiniteFuture()) return;
  if (timer_ != 0 && armed_time_ <= wanted_time_) return;
  if (timer_ != 0) loop_.CancelTimer(timer_);
  armed_time_ = wanted_time_;
  timer_ = loop_.CallAt(wanted_time_, [this] { TimerFired(); });
}

void CurlMulti::TimerFired() {
  timer_ = 0;
  if (wanted_time_ <= Loop::Now()) {
    wanted_time_ = absl::InfiniteFuture();
    Act(CURL_SOCKET_TIMEOUT, 0);
    ArmTimer();
    on_turn_();
    return;
  }
  ArmTimer();
}

}  // namespace moa::upstream
