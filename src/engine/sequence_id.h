// The name of a sequence within one engine.
#pragma once

#include "base/typed_index.h"

namespace millrace {

using SequenceId = TypedIndex<struct SequenceIdTag>;

}  // namespace millrace
