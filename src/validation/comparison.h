// A published result beside what is predicted for it, and what the assumed parameters of the
// machine change.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"
#include "machine/system.h"
#include "validation/published_result.h"

namespace millrace {

// Of one token of one sequence.
struct Prediction {
  double seconds = 0;
  double bound_seconds = 0;  // what no schedule can be below
  std::int32_t chips = 0;    // that are used
  std::int32_t group = 0;    // chips that share a layer
};

// Who predicts: the compiler, given by the caller, so that nothing here knows how.
using Predict = std::function<Result<Prediction>(const Graph& graph, const System& system,
                                                 const PublishedResult& result)>;

struct Variation {
  std::string name;  // "function latencies x 0.5"
  double seconds = 0;
};

struct Comparison {
  PublishedResult result;
  std::optional<Prediction> prediction;
  std::string refusal;  // why there is none
  std::vector<Variation> variations;

  // Tokens a second, predicted over published, less 1; only with a prediction.
  double error() const;
};

// `variations`: also predict with other free parameters, if the result asks for that.
Comparison Compare(const PublishedResult& result, const Predict& predict, bool variations);

// The free parameters of a machine file: the latencies of functions, and those of links. Rounded,
// at least 1.
System WithFunctionLatencies(System system, double factor);
System WithHopLatencies(System system, double factor);

}  // namespace millrace
