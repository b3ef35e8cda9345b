#include "worker/upstream/transfer.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace moa::upstream {
namespace {

// libcurl sends a body up to this size in one write with the headers, and copies it to do so.
constexpr size_t kInlineBodyMax = 64 << 10;
// A receive buffer for each running call: small, because most pieces are; whole replies take few
// reads.
constexpr long kReceiveBuffer = 8 << 10;
constexpr long kSendBufferSmall = 16 << 10;
constexpr long kSendBufferLarge = 64 << 10;
// Of a reply that is an error, so much is worth reading.
constexpr size_t kErrorBodyMax = 64 << 10;
// Buffers beyond this are not kept for the next call.
constexpr size_t kKeptBufferMax = 64 << 10;
// After [DONE] the connection's end of the reply is awaited so long, to keep the connection.
constexpr absl::Duration kEndMarkGrace = absl::Seconds(1);
constexpr absl::Duration kModelsTimeout = absl::Seconds(10);
constexpr absl::Duration kWarmUpTimeout = absl::Seconds(2);
// A peer that vanished without a word is found out within a minute, also while a model thinks.
constexpr long kKeepAliveIdleSeconds = 30;
constexpr long kKeepAliveIntervalSeconds = 10;
// Addresses change rarely, and only new connections ask for them.
constexpr long kDnsCacheSeconds = 60;

absl::Duration Clamp(absl::Duration timeout) {
  return std::clamp(timeout, kTimeoutMin, kTimeoutMax);
}

// Empty when there is no value, and when the value would be more than one line: it comes from outside.
std::string HeaderLine(absl::string_view name, absl::string_view value) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_plain)) return "";
  return absl::StrCat(name, ": ", value);
}

template <typename Buffer>
void DropLarge(Buffer* buffer) {
  if (buffer->capacity() > kKeptBufferMax) {
    *buffer = Buffer();
  } else {
    buffer->clear();
  }
}

// What of `text` from `from` on can be shown: all but a code point whose end is still to come.
absl::string_view WholeCodePoints(absl::string_view text, size_t from) {
  const size_t lookback = std::min<size_t>(3, text.size() - from);
  for (size_t back = 1; back <= lookback; ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (size > back) return text.substr(from, text.size() - back - from);
    break;
  }
  return text.substr(from);
}

}  // namespace

Transfer::Transfer(Shared& shared, CurlMulti& multi)
    : shared_(shared), easy_(curl_easy_init()), sse_(shared.options.event_bytes_max) {
  MOA_CHECK(easy_ != nullptr);
  multi.Prepare(easy());
  SetStaticOptions();
}

void Transfer::SetStaticOptions() {
  CURL* h = easy();
  const UpstreamOptions& options = shared_.options;
  const bool tls = absl::StartsWithIgnoreCase(options.base_url, "https:");
  curl_easy_setopt(h, CURLOPT_PRIVATE, this);
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(h, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(h, CURLOPT_READFUNCTION, &Transfer::OnRead);
  curl_easy_setopt(h, CURLOPT_READDATA, this);
  curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, &Transfer::OnSeek);
  curl_easy_setopt(h, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(h, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  curl_easy_setopt(h, CURLOPT_DNS_CACHE_TIMEOUT, kDnsCacheSeconds);
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // Without this, cancelling a call while its name is looked up waits for the lookup's thread.
  curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
  if (!tls) {
    // libcurl 7.88 breaks HTTP/2 without TLS on reused connections. No proxy: it would see the key.
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    return;
  }
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(h, CURLOPT_PIPEWAIT, 1L);  // rather share an HTTP/2 connection than open one
  curl_easy_setopt(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty() || !options.ca_dir.empty()) {
    const auto path = [](const std::string& name) { return name.empty() ? nullptr : name.c_str(); };
    curl_easy_setopt(h, CURLOPT_CAINFO, path(options.ca_file));
    curl_easy_setopt(h, CURLOPT_CAPATH, path(options.ca_dir));
  }
}

void Transfer::Begin(Kind kind, CallId id, std::shared_ptr<const Headers> headers,
                     absl::string_view path, absl::Time now) {
  id_ = id;
  kind_ = kind;
  headers_ = std::move(headers);
  start_time_ = now;
  first_token_time_ = absl::InfinitePast();
  last_token_time_ = absl::InfinitePast();
  last_byte_time_ = absl::InfinitePast();
  end_mark_time_ = absl::InfiniteFuture();
  error_text_[0] = '\0';
  if (configured_ != kind) {
    configured_ = kind;
    const std::string url = absl::StrCat(shared_.options.base_url, path);
    curl_easy_setopt(easy(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy(), kind == Kind::kChat ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
  }
  if (std::exchange(fresh_try_, false)) curl_easy_setopt(easy(), CURLOPT_FRESH_CONNECT, 0L);
  SetHeaders(headers_->plain.get());
  const long connect_ms =
      std::max<long>(1, static_cast<long>(absl::ToInt64Milliseconds(Clamp(timeouts_.connect))));
  curl_easy_setopt(easy(), CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
}

void Transfer::SetHeaders(curl_slist* shared) {
  curl_slist* first = shared;
  for (size_t i = own_headers_.size(); i-- > 0;) {
    if (own_headers_[i].empty()) continue;
    own_nodes_[i] = {.data = own_headers_[i].data(), .next = first};
    first = &own_nodes_[i];
  }
  curl_easy_setopt(easy(), CURLOPT_HTTPHEADER, first);
}

void Transfer::BeginGet(Kind kind, CallId id, std::shared_ptr<const Headers> headers,
                        absl::Time now) {
  const bool models = kind == Kind::kModels;
  const absl::Duration limit = models ? kModelsTimeout : kWarmUpTimeout;
  timeouts_ =
      Timeouts{.connect = absl::Seconds(5), .first_byte = limit, .idle = limit, .total = limit};
  Begin(kind, id, std::move(headers), models ? "/v1/models" : shared_.provider.warm_path, now);
}

absl::Status Transfer::BeginChat(const ChatRequest& request, CallId id,
                                 std::shared_ptr<const Headers> headers, absl::Time now) {
  timeouts_ = request.timeouts;
  own_headers_ = {HeaderLine("traceparent", request.traceparent),
                  HeaderLine("tracestate", request.tracestate)};
  Begin(Kind::kChat, id, std::move(headers), "/v1/chat/completions", now);
  return SetBody(request);
}

absl::Status Transfer::SetBody(const ChatRequest& request) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  const UpstreamOptions& options = shared_.options;
  body_.Assign(request, shared_.provider);
  if (body_.size() > options.request_bytes_max) {
    return absl::ResourceExhaustedError(absl::StrCat("its body has ", body_.size(),
                                                     " bytes, the limit (request_bytes_max) is ",
                                                     options.request_bytes_max));
  }
  const bool gzip = shared_.provider.gzip_requests && options.gzip_from_bytes > 0 &&
                    body_.size() >= options.gzip_from_bytes;
  size_t size = body_.size();
  if (gzip || size <= kInlineBodyMax) {
    body_.Flatten(&flat_body_);
    body_.Clear();
    if (gzip) {
      absl::StatusOr<std::string> compressed = Gzip(flat_body_);
      if (!compressed.ok()) return compressed.status();
      flat_body_ = *std::move(compressed);
      SetHeaders(headers_->gzip.get());
    }
    size = flat_body_.size();
    curl_easy_setopt(easy(), CURLOPT_POSTFIELDS, flat_body_.data());
    curl_easy_setopt(easy(), CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferSmall);
  } else {
    curl_easy_setopt(easy(), CURLOPT_POSTFIELDS, nullptr);
    curl_easy_setopt(easy(), CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferLarge);
  }
  curl_easy_setopt(easy(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
  return absl::OkStatus();
}

size_t Transfer::OnRead(char* out, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->body_.Read(out, size * count);
}

int Transfer::OnSeek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  const bool found = static_cast<Transfer*>(self)->body_.Seek(static_cast<size_t>(offset));
  return found ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

size_t Transfer::OnHeader(char* bytes, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const absl::string_view line(bytes, size * count);
  if (absl::StartsWith(line, "HTTP/")) transfer->MarkByte();
  // The wall's time is wanted for a Retry-After date only.
  const bool dated = !line.empty() && (line[0] == 'R' || line[0] == 'r');
  transfer->head_.AddLine(line, dated ? absl::Now() : absl::UnixEpoch());
  transfer->header_bytes_ += line.size();
  const size_t limit = transfer->shared_.options.header_bytes_max;
  if (transfer->header_bytes_ <= limit) return line.size();
  transfer->FailOversized("header_bytes_max", limit);
  return 0;
}

size_t Transfer::OnBody(char* bytes, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->TakeBytes({bytes, size * count});
  // Anything but the size ends the transfer and closes its connection.
  const bool go_on = !transfer->failure_ && !transfer->streamed_.error;
  return go_on ? size * count : 0;
}

void Transfer::MarkByte() {
  const bool first = last_byte_time_ == absl::InfinitePast();
  last_byte_time_ = Loop::Now();
  if (first) ReportDeadline();
}

void Transfer::ReportDeadline() {
  shared_.earlier_deadline = std::min(shared_.earlier_deadline, Deadline());
}

void Transfer::TakeBytes(absl::string_view bytes) {
  MarkByte();
  received_bytes_ += bytes.size();
  const size_t limit = shared_.options.response_bytes_max;
  const bool stream = StreamsReply() && kind_ == Kind::kChat;
  if (received_bytes_ > limit * (stream ? kStreamOverhead : 1)) {
    FailOversized("response_bytes_max", limit);
    return;
  }
  if (stream) {
    TakeEvents(bytes);
    const Completion& got = streamed_.completion;
    if (got.content.size() + got.reasoning.size() > limit) {
      FailOversized("response_bytes_max", limit);
    }
    return;
  }
  size_t keep = bytes.size();
  if (head_.status != 200) {
    keep = std::min(keep, kErrorBodyMax - std::min(kErrorBodyMax, reply_.size()));
  } else if (reply_.empty() && head_.content_length) {
    reply_.reserve(std::min(*head_.content_length, shared_.options.response_bytes_max));
  }
  reply_.append(bytes.data(), keep);
}

void Transfer::FailOversized(absl::string_view option, size_t limit) {
  Fail(Failure::Kind::kOversized, absl::StrCat("the limit (", option, ") is ", limit, " bytes"));
}

void Transfer::TakeEvents(absl::string_view bytes) {
  const uint32_t chunks_before = streamed_.chunks;
  absl::Status read;
  const absl::Status split = sse_.Feed(bytes, [&](const SseParser::Event& event) {
    if (read.ok()) read = shared_.reader.AddEvent(event, &streamed_);
  });
  if (!split.ok()) {
    Fail(Failure::Kind::kOversized, std::string(split.message()));
  } else if (!read.ok()) {
    Fail(Failure::Kind::kMalformed, std::string(read.message()));
  }
  if (streamed_.chunks > chunks_before) {
    if (chunks_before == 0) first_token_time_ = last_byte_time_;
    last_token_time_ = last_byte_time_;
  }
  if (streamed_.done && end_mark_time_ == absl::InfiniteFuture()) {
    end_mark_time_ = last_byte_time_;
    ReportDeadline();
  }
  if (callbacks.delta == nullptr || muted || delta_queued_) return;
  if (streamed_.completion.content.size() > delivered_content_ ||
      streamed_.completion.reasoning.size() > delivered_reasoning_) {
    delta_queued_ = true;
    shared_.delta_queue.push_back(id_);
  }
}

void Transfer::DeliverDelta(bool settled) {
  delta_queued_ = false;
  if (callbacks.delta == nullptr || muted) return;
  const absl::string_view content = streamed_.completion.content;
  const absl::string_view reasoning = streamed_.completion.reasoning;
  const absl::string_view new_content =
      settled ? content.substr(delivered_content_) : WholeCodePoints(content, delivered_content_);
  const absl::string_view new_reasoning = settled
                                              ? reasoning.substr(delivered_reasoning_)
                                              : WholeCodePoints(reasoning, delivered_reasoning_);
  if (new_content.empty() && new_reasoning.empty()) return;
  delivered_content_ += new_content.size();
  delivered_reasoning_ += new_reasoning.size();
  callbacks.delta(new_content, new_reasoning);
}

CallProgress Transfer::progress() const {
  const Completion& completion = streamed_.completion;
  if (callbacks.delta == nullptr)
    return {.content = {}, .reasoning = {}, .last_byte_time = last_byte_time_};
  return {.content = absl::string_view(completion.content).substr(0, delivered_content_),
          .reasoning = absl::string_view(completion.reasoning).substr(0, delivered_reasoning_),
          .last_byte_time = last_byte_time_};
}

void Transfer::Fail(Failure::Kind kind, std::string detail) {
  if (failure_) return;
  failure_.emplace();
  failure_->kind = kind;
  failure_->detail = std::move(detail);
}

absl::Time Transfer::Deadline() const {
  const absl::Time silence = last_byte_time_ == absl::InfinitePast()
                                 ? start_time_ + Clamp(timeouts_.first_byte)
                                 : last_byte_time_ + Clamp(timeouts_.idle);
  return std::min({start_time_ + Clamp(timeouts_.total), silence, end_mark_time_ + kEndMarkGrace});
}

void Transfer::FailOverdue(absl::Time now) {
  if (streamed_.done) return;  // the reply is complete, only the connection's end of it is missing
  std::string detail;
  if (now >= start_time_ + Clamp(timeouts_.total)) {
    detail = absl::StrCat("the reply was not complete after ",
                          absl::FormatDuration(Clamp(timeouts_.total)), " (total)");
  } else if (last_byte_time_ == absl::InfinitePast()) {
    detail = absl::StrCat("no byte of a reply after ",
                          absl::FormatDuration(Clamp(timeouts_.first_byte)), " (first byte)");
  } else {
    detail = absl::StrCat("the reply stopped for ", absl::FormatDuration(Clamp(timeouts_.idle)),
                          " (idle)");
  }
  Fail(Failure::Kind::kTimeout, std::move(detail));
}

void Transfer::Recycle() {
  callbacks = ChatCallbacks();
  models_done = nullptr;
  muted = false;
  delta_queued_ = false;
  headers_.reset();
  own_headers_ = {};
  body_.Clear();
  DropLarge(&flat_body_);
  DropLarge(&reply_);
  DropLarge(&models_);
  head_ = ResponseHead();
  sse_.Reset();
  streamed_ = StreamedReply();
  failure_.reset();
  received_bytes_ = 0;
  header_bytes_ = 0;
  delivered_content_ = 0;
  delivered_reasoning_ = 0;
}

}  // namespace moa::upstream
