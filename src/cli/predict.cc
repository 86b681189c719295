#include "cli/predict.h"

#include "compiler/compile.h"

namespace millrace {

Result<Prediction> PredictDecode(const Graph& graph, const System& system,
                                 const PublishedResult& result) {
  MILLRACE_TRY(
      const compiler::Compiled compiled,
      compiler::Compile(graph, system, {.context = result.context, .position = result.position}));
  const compiler::Report& report = compiled.report;
  return Prediction{.seconds = report.seconds(),
                    .bound_seconds = report.seconds() / report.ratio(),
                    .chips = report.chips,
                    .group = report.group};
}

}  // namespace millrace
