#pragma once

#include <cstdint>

#include "simulator/digest.h"
#include "simulator/model_table.h"

namespace moa::simulator {

// How long the service would take, in seconds: medians and rates measured from recorded exchanges
// (CEREBRAS_API.md, sections 7 and 9), times the simulator's time scale. A scale of 0 gives zeros.
struct Timing {
  double queue = 0;
  double prompt = 0;
  double completion = 0;
  double total = 0;
  double tokens_per_second = 0;  // of the completion, scale included; 0: at once

  double to_first_token() const { return queue + prompt; }
  // Everything takes `factor` times as long.
  void Stretch(double factor) {
    for (double* part : {&queue, &prompt, &completion, &total}) *part *= factor;
    tokens_per_second /= factor;
  }
};

// `slow_queue_share` of the requests wait 0.18 to 0.55 s in the queue instead of about 4.5 ms.
Timing TimingOf(const Model& model, int64_t uncached_tokens, bool cache_hit,
                int64_t completion_tokens, double time_scale, double slow_queue_share,
                Random& random);

}  // namespace moa::simulator
