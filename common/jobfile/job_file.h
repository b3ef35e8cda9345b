#pragma once

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/document.h"
#include "common/document/problems.h"
#include "common/jobfile/field_origin.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A job file, YAML or JSON, read into the message that the API takes. docs/job-file.md describes
// the form for users; its field paths are those of v1::JobSpec, except that `prompt: TEXT` stands
// for `messages: [{role: user, content: TEXT}]`. Files of the workshop app (workshop_file.h) are
// read as well.
//
//   Problems problems;
//   std::optional<JobFile> job = ReadJobFile(text, "trip.yaml", problems);
//   if (!job) std::cerr << problems.ToString();   // every mistake, with its line
//
// A value type.
struct JobFile {
  v1::JobSpec spec;
  Document document;
  // What is probably not meant; the job is complete all the same. Sorted by line. Only a workshop's
  // file has any.
  Problems warnings;
  // Of a workshop's file, whose fields have other paths than those of `spec`.
  std::vector<FieldOrigin> origins;

  // What the coordinator found wrong with `spec` at `field` ("moa.layers[0].agents[2].model"), with
  // the line of the file that the field came from, or of the nearest one above it.
  Problem Locate(absl::string_view field, absl::string_view message) const;
};

// Reports wrong types, missing fields and unknown fields, all of them; ranges, model names and
// everything that depends on the coordinator are left to it. A prompt and a MoA may be missing,
// because the command line can give them. Returns nullopt exactly when it added to `problems`.
std::optional<JobFile> ReadJobFile(absl::string_view text, absl::string_view file,
                                   Problems& problems);

// As ReadJobFile, for a file that was read already: what could be read of it, whatever was wrong.
JobFile ReadJobDocument(Document document, Problems& problems);

// As ReadJobFile, for a mapping inside of another document.
v1::JobSpec ReadJobSpec(const Document& document, Problems& problems);

}  // namespace moa
