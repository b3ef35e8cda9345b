#pragma once

#include "moa/v1/job.pb.h"

namespace moa {

// Lays `changes` over `base`: what is set there replaces that part, field by field; the items of lists of messages one
// by one, further ones added; other lists as a whole. Pure.
void MergeMoa(const v1::Moa& changes, v1::Moa* base);

}  // namespace moa
