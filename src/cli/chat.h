// A conversation on a terminal: a line is said, a reply comes, until somebody leaves.
//
// Lines that begin with a slash are commands (/help). The engine stays, and with it the keys and
// values of what was said: a turn computes only its own tokens. A model without a chat template
// continues a story instead.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/run_options.h"
#include "engine/backend.h"
#include "model/model.h"

namespace millrace {

// Replies go to standard output, everything else to standard error. Ends at the end of standard
// input, at /exit, and after one reply with options.single_turn. `path` is that of the model.
Result<void> Chat(const RunOptions& options, const std::string& path, const Model& model,
                  const Backend& backend, const EngineOptions& engine);

}  // namespace millrace
