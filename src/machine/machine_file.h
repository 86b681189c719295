// The description of a machine as a file of machines/ states it: a chip, the levels that join chips
// to systems, and where every number comes from. The form is docs/machines.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "machine/chip.h"
#include "machine/system.h"
#include "toml/document.h"

namespace millrace {

// How a number is known.
enum class Provenance {
  kPublished,  // a source states it
  kMeasured,   // somebody measured it: a source says how
  kDerived,    // it follows from what sources state: the reason says how
  kAssumed,    // nobody states it: the reason says why it is plausible
};
std::string_view Name(Provenance provenance);

// One number of the file.
struct Figure {
  std::string key;  // "chip.mem.words", "level.node.latency_ns": the unit is in the name
  double value = 0;
  Provenance provenance = Provenance::kAssumed;
  std::string reason;                // kDerived, kAssumed
  std::vector<std::string> sources;  // keys of MachineFile::sources
  std::string note;                  // may be empty
  TextPosition at;
};

// What a source states about a whole, to be compared with what the parts make (machine/totals.h).
struct PublishedTotal {
  std::string what;  // "sram_bytes", ...: one of TotalNames()
  std::int32_t chips = 1;
  double latency_ns = 0;  // "reach_sram_bytes": within this time
  double published = 0;
  double within = 0;    // the relative difference that is accepted, `because`
  std::string because;  // empty: within rounding
  std::string note;
  std::vector<std::string> sources;
};

struct MachineFile {
  std::string name, title;
  std::vector<std::string> also;  // other names that are understood
  std::vector<std::string> notes;
  std::map<std::string, std::string> sources;
  std::vector<Figure> figures;  // in the order of the keys in docs/machines.md, then by level
  Chip chip;
  std::vector<SystemLevel> levels;  // all of them: the largest system
  std::vector<PublishedTotal> totals;
};

// `file` begins messages. kInvalid or kNotFound with FILE:LINE:COLUMN for what is no TOML, keys
// that are not known or missing, values out of their range, numbers without provenance, and chips
// whose parts do not fit together (machine/chip_limits.h).
Result<MachineFile> ParseMachineFile(std::string_view text, std::string_view file);

// The system of `chips` chips: the smallest prefix of the levels, the lower ones full. kInvalid if
// there is none of that size; the message says which there are.
Result<System> SystemOf(const MachineFile& machine, std::int64_t chips);

}  // namespace millrace
