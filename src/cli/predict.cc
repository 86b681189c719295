#include "cli/predict.h"

namespace millrace {

Result<Prediction> PredictDecode(const Graph&, const System& system, const PublishedResult&) {
  return Unsupported("{}: there is no compiler yet", system.name);
}

}  // namespace millrace
