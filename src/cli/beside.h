// The model that just ran, on three machines side by side: this one as measured, one LPU exactly,
// and the best that GPUs could do.
#pragma once

#include <cstdint>
#include <string>

#include "model/model.h"

namespace millrace {

// cpu_tokens_per_s: as measured; position: of the token that is compared. Three lines; a line that
// cannot be had says why.
std::string BesideOtherMachines(const Model& model, double cpu_tokens_per_s, int threads,
                                std::int32_t position);

}  // namespace millrace
