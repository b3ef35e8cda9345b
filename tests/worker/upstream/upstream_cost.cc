// CPU time of the client's thread a call: `moa_upstream_cost [CALLS [AT_ONCE [whole|stream [URL
// [CA_FILE]]]]]` against a server on loopback in this process that answers at once, or against the one
// at URL. Prints the median of five runs and their spread.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/loop/loop.h"
#include "tests/worker/upstream/recorded_replies.h"
#include "worker/upstream/upstream_client.h"

namespace moa::upstream {
namespace {

double ThreadCpuMicros() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// Answers each read that ends a request with `reply`. One thread; runs until the process ends.
int StartServer(const std::string& reply) {
  const int listen_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MOA_CHECK(bind(listen_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  MOA_CHECK(listen(listen_fd, 1024) == 0);
  socklen_t size = sizeof address;
  getsockname(listen_fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::thread([listen_fd, reply] {
    const int epoll_fd = epoll_create1(0);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listen_fd}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    std::vector<epoll_event> events(256);
    char bytes[65536];
    while (true) {
      const int count = epoll_wait(epoll_fd, events.data(), 256, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == listen_fd) {
          event.data.fd = accept(listen_fd, nullptr, nullptr);
          const int on = 1;
          setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
          continue;
        }
        if (recv(fd, bytes, sizeof bytes, 0) <= 0) {
          close(fd);
        } else {
          MOA_CHECK(send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(reply.size()));
        }
      }
    }
  }).detach();
  return ntohs(address.sin_port);
}

class Load {
 public:
  Load(UpstreamClient& client, int calls, int at_once, bool stream)
      : client_(client), calls_(calls), at_once_(at_once), stream_(stream) {
    const std::string prompt(1000, 'x');
    Message message;
    message.content = prompt;
    prompt_ = MessagesJson::Encode({&message, 1});
  }
  void Begin() {
    for (int i = 0; i < at_once_; ++i) StartOne();
  }
  std::promise<void> ended;

 private:
  void StartOne() {
    if (started_ == calls_) return;
    ++started_;
    ChatRequest request;
    request.model = "gpt-oss-120b";
    request.prompt = {prompt_};
    request.temperature = 0.7;
    request.max_completion_tokens = 800;
    request.stream = stream_;
    ChatCallbacks callbacks;
    if (stream_) callbacks.delta = [](absl::string_view, absl::string_view) {};
    callbacks.done = [this](CallResult result) {
      MOA_CHECK(result.ok());
      if (++done_ == calls_) {
        ended.set_value();
      } else {
        StartOne();
      }
    };
    client_.Start(std::move(request), std::move(callbacks));
  }

  UpstreamClient& client_;
  const int calls_;
  const int at_once_;
  const bool stream_;
  MessagesJson prompt_;
  int started_ = 0;
  int done_ = 0;
};

int Main(int argc, char** argv) {
  const int calls = argc > 1 ? std::atoi(argv[1]) : 20000;
  const int at_once = argc > 2 ? std::atoi(argv[2]) : 64;
  const bool stream = argc > 3 && std::strcmp(argv[3], "stream") == 0;
  const std::string body = stream ? kStream : kWholeReply;
  Loop loop("upstream");
  UpstreamOptions options;
  if (argc > 4) {
    options.base_url = argv[4];
    if (argc > 5) options.ca_file = argv[5];
  } else {
    options.base_url = absl::StrCat(
        "http://127.0.0.1:",
        StartServer(absl::StrCat(
            "HTTP/1.1 200 OK\r\nContent-Type: ", stream ? "text/event-stream" : "application/json",
            "\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
  }
  auto client = *UpstreamClient::Create(loop, options);
  std::vector<double> micros;
  std::vector<double> rates;
  for (int run = 0; run < 6; ++run) {
    Load load(*client, calls, at_once, stream);
    std::promise<double> before;
    const absl::Time start = Loop::Now();
    loop.Post([&] {
      before.set_value(ThreadCpuMicros());
      load.Begin();
    });
    load.ended.get_future().get();
    const absl::Duration took = Loop::Now() - start;
    std::promise<double> after;
    loop.Post([&] { after.set_value(ThreadCpuMicros()); });
    const double cpu = after.get_future().get() - before.get_future().get();
    if (run == 0) continue;  // warms up
    micros.push_back(cpu / calls);
    rates.push_back(calls / absl::ToDoubleSeconds(took));
  }
  std::sort(micros.begin(), micros.end());
  std::sort(rates.begin(), rates.end());
  std::printf("%s, %d calls, %d at once: %.1f us CPU a call (%.1f-%.1f), %.0f calls/s\n",
              stream ? "streamed" : "whole", calls, at_once, micros[2], micros.front(),
              micros.back(), rates[2]);
  std::promise<void> gone;
  loop.Post([&] {
    client.reset();
    gone.set_value();
  });
  gone.get_future().get();
  return 0;
}

}  // namespace
}  // namespace moa::upstream

int main(int argc, char** argv) { return moa::upstream::Main(argc, argv); }
