#pragma once

#include <string>

#include "tests/chaos/run.h"

namespace moa::chaos {

// For people: a table of the faults, what was checked, what was found.
std::string TextReport(const Outcome& outcome);

// {"conditions","ok","jobs","seconds","jobs_per_second","cpu_share","own_cpu_share",
//  "findings":{RULE:N},"examples":[{"rule","job","what"}],
//  "checked":{"answers","events","watch_connections","calls"},"failed_rightly",
//  "repeated_calls","calls_exposed","target_s",
//  "faults":{KIND:{"count","median_s","worst_s","missed","unmeasured","repeated_calls","calls_exposed"}},
//  "recoveries":[{"kind","detail","at_s","rate_before","took_s"|null}],
//  "unasked_ends":{…},"left_out":{KIND:WHY},"ended_per_250_ms":[…]}
std::string JsonReport(const Outcome& outcome);

}  // namespace moa::chaos
