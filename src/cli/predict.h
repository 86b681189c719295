// What a step of decode takes on a system, predicted by the compiler.
#pragma once

#include "validation/comparison.h"

namespace millrace {

// One token of one sequence at result.position. The errors are those of the compiler.
Result<Prediction> PredictDecode(const Graph& graph, const System& system,
                                 const PublishedResult& result);

}  // namespace millrace
