#pragma once

namespace moa::sandbox {

extern const char kRunner[];  // runner.py: loads a candidate and calls its function
extern const char kProbe[];   // probe.py: says which files the interpreter needs

}  // namespace moa::sandbox
