#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "worker/upstream/curl_multi.h"
#include "worker/upstream/failure.h"
#include "worker/upstream/reply_reader.h"
#include "worker/upstream/request_body.h"
#include "worker/upstream/response_head.h"
#include "worker/upstream/sse_parser.h"
#include "worker/upstream/upstream_client.h"

namespace moa::upstream {

// One call on its way: an easy handle, the request's body, what has come of the reply. Transfers
// are pooled: setting up an easy handle costs more than a small call.
//
// Owner: UpstreamClient, running or in its pool. Loop thread only. libcurl's callbacks only read
// and write the transfer; they never call a user of the client.
class Transfer {
 public:
  enum class Kind { kChat, kModels, kWarmUp };

  // Request headers; those of a compressed body apart.
  struct Headers {
    HeaderList plain;
    HeaderList gzip;
    std::string api_key;  // in them; errors must not show it
  };

  // What the client's calls have in common; outlives the transfers.
  struct Shared {
    UpstreamOptions options;  // base_url normalised: no trailing slash, no /v1
    Provider provider;        // prompt_cache_key is kAlways or kNever
    ReplyReader reader;
    // The earliest time limit that has moved forward since the client looked: a reply's first byte
    // exchanges one limit for another, maybe shorter one.
    absl::Time earlier_deadline = absl::InfiniteFuture();
    std::vector<CallId> delta_queue;  // calls with text that was not handed to `delta` yet
  };

  Transfer(Shared& shared, CurlMulti& multi);

  // Makes the transfer a call of `kind`. `headers` lives as long as the call. After BeginChat the
  // body belongs to the transfer.
  void BeginGet(Kind kind, CallId id, std::shared_ptr<const Headers> headers, absl::Time now);
  // An error means that the request cannot be sent.
  absl::Status BeginChat(const ChatRequest& request, CallId id,
                         std::shared_ptr<const Headers> headers, absl::Time now);

  // libcurl has given up, although the server has never begun on the request: every connection that it
  // was sent on was just being ended. True once a call: the request then goes out first on a connection
  // of its own, which the caller is to start.
  bool TakesFreshTry(CURLcode code);

  // The transfer has ended with `code` at `now`: makes up the outcome. Once a call, before the
  // Takes.
  void Settle(CURLcode code, absl::Time now);
  CallResult TakeResult();
  ModelsResult TakeModels();

  // Makes the outcome this failure, whatever libcurl reports. The first one counts.
  void Fail(Failure::Kind kind, std::string detail);

  // Hands the text that has come since the last time to `delta`: up to the last whole code point,
  // or all of it when the call is `settled`.
  void DeliverDelta(bool settled);

  // When the call is over time if nothing more comes.
  absl::Time Deadline() const;
  // Deadline has come: a failure, unless the reply is complete but for the connection's end of it.
  void FailOverdue(absl::Time now);

  // Lets go of everything that belongs to the call; keeps the handle and small buffers.
  void Recycle();

  CURL* easy() const { return easy_.get(); }
  CallId id() const { return id_; }
  Kind kind() const { return kind_; }
  CallProgress progress() const;

  // The caller's part, kept here for its lifetime only.
  ChatCallbacks callbacks;
  absl::AnyInvocable<void(ModelsResult result)> models_done;
  bool muted = false;  // no delta any more

 private:
  static size_t OnHeader(char* bytes, size_t size, size_t count, void* self);
  static size_t OnBody(char* bytes, size_t size, size_t count, void* self);
  static size_t OnRead(char* out, size_t size, size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);

  void SetStaticOptions();
  void Begin(Kind kind, CallId id, std::shared_ptr<const Headers> headers, absl::string_view path,
             absl::Time now);
  // The headers in front of which the call's own ones are put.
  void SetHeaders(curl_slist* shared);
  absl::Status SetBody(const ChatRequest& request);
  void TakeBytes(absl::string_view bytes);
  void FailOversized(absl::string_view option, size_t limit);
  void MarkByte();
  void ReportDeadline();
  void TakeEvents(absl::string_view bytes);
  bool StreamsReply() const { return head_.status == 200 && head_.is_event_stream; }
  void SettleStream(CURLcode code);
  void SettleWhole(CURLcode code);
  AttemptError Report() const;

  Shared& shared_;
  EasyHandle easy_;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::optional<Kind> configured_;  // the kind that the handle's URL and method are set for

  CallId id_ = 0;
  Kind kind_ = Kind::kChat;
  Timeouts timeouts_;
  std::shared_ptr<const Headers> headers_;  // shared with the client and its other calls
  std::array<std::string, 2> own_headers_;  // this call's; empty ones are left out
  std::array<curl_slist, 2> own_nodes_{};   // in front of headers_, which they point into
  RequestBody body_;                        // a large request, read by libcurl piece by piece
  std::string flat_body_;                   // a small or compressed one

  ResponseHead head_;
  std::string reply_;  // the body, unless it is a stream
  SseParser sse_;
  StreamedReply streamed_;  // `completion` is a whole reply's too
  std::vector<std::string> models_;
  std::optional<Failure> failure_;
  size_t received_bytes_ = 0;  // of the body
  size_t header_bytes_ = 0;
  absl::Time start_time_;
  absl::Time end_time_;
  absl::Time first_token_time_;
  absl::Time last_token_time_;
  absl::Time last_byte_time_;
  absl::Time end_mark_time_;  // when [DONE] came
  bool fresh_try_ = false;
  bool delta_queued_ = false;
  size_t delivered_content_ = 0;
  size_t delivered_reasoning_ = 0;
};

}  // namespace moa::upstream
