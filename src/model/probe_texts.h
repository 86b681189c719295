// Texts that tell tokenizers apart: whatever the pre-tokenizers of circulating models treat
// differently occurs in some of them, in many combinations.
#pragma once

#include <string>
#include <vector>

namespace millrace {

// The same each time. All are well-formed UTF-8 and in normal form C, which is all that a GGUF
// vocabulary can be asked to agree on: it has no key for Unicode's normal forms.
std::vector<std::string> ProbeTexts();

}  // namespace millrace
