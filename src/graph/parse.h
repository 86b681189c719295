// Reads the text form of a graph (graph/print.h), as shapes only: no weight has bytes.
//
// The form is checked here (words, numbers, names that exist, ids in order); whether the shapes fit
// together is the business of Verify (graph/verify.h). Blank lines and lines that begin with '#'
// are skipped; what follows a line's last item is an error.
#pragma once

#include <string_view>

#include "base/result.h"
#include "graph/graph.h"

namespace millrace {

// kInvalid with "NAME:LINE: what was found, what was wanted".
Result<Graph> Parse(std::string_view text, std::string_view name);

}  // namespace millrace
