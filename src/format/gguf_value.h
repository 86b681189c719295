// A metadata value that was read, as one to be written: of the same type, to the bit.
#pragma once

#include "format/gguf_writer.h"
#include "format/metadata.h"

namespace millrace {

GgufValue ToGgufValue(const MetadataValue& value);

}  // namespace millrace
