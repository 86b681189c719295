#include "machine/chip_keys.h"

namespace millrace {
namespace {

// The largest values are those that an instruction can name (isa/instruction.h), or far above any
// chip.
constexpr double kLatency = 10000, kStreams = 255, kIndex = 4096;

constexpr ChipKey kKeys[] = {
    {"chip", "clock_hz", nullptr, [](Chip& c) -> double& { return c.clock_hz; }, 1e6, 1e11},
    {"chip", "vector_bytes", [](Chip& c) -> std::int32_t& { return c.vector_bytes; }, nullptr, 64,
     8192},
    {"chip", "superlane_bytes", [](Chip& c) -> std::int32_t& { return c.superlane_bytes; }, nullptr,
     4, 8192},
    {"chip", "streams", [](Chip& c) -> std::int32_t& { return c.streams; }, nullptr, 8, kStreams},

    {"chip.mem", "per_hemisphere", [](Chip& c) -> std::int32_t& { return c.mem.per_hemisphere; },
     nullptr, 1, kIndex},
    {"chip.mem", "words", [](Chip& c) -> std::int32_t& { return c.mem.words; }, nullptr, 16,
     1 << 24},
    {"chip.mem", "banks", [](Chip& c) -> std::int32_t& { return c.mem.banks; }, nullptr, 2, 256},
    {"chip.mem", "per_position", [](Chip& c) -> std::int32_t& { return c.mem.per_position; },
     nullptr, 1, 64},
    {"chip.mem", "read_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.mem.read_latency_cycles; }, nullptr, 1, kLatency},
    {"chip.mem", "write_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.mem.write_latency_cycles; }, nullptr, 1, kLatency},

    {"chip.mxm", "planes_per_hemisphere",
     [](Chip& c) -> std::int32_t& { return c.mxm.planes_per_hemisphere; }, nullptr, 1, 64},
    {"chip.mxm", "rows", [](Chip& c) -> std::int32_t& { return c.mxm.rows; }, nullptr, 64, 8192},
    {"chip.mxm", "columns", [](Chip& c) -> std::int32_t& { return c.mxm.columns; }, nullptr, 64,
     8192},
    {"chip.mxm", "install_streams", [](Chip& c) -> std::int32_t& { return c.mxm.install_streams; },
     nullptr, 1, kStreams},
    {"chip.mxm", "buffers", [](Chip& c) -> std::int32_t& { return c.mxm.buffers; }, nullptr, 1, 64},
    {"chip.mxm", "accumulators", [](Chip& c) -> std::int32_t& { return c.mxm.accumulators; },
     nullptr, 1, 65535},
    {"chip.mxm", "install_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.mxm.install_latency_cycles; }, nullptr, 0, kLatency},
    {"chip.mxm", "pass_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.mxm.pass_latency_cycles; }, nullptr, 1, kLatency},
    {"chip.mxm", "chain_cycles", [](Chip& c) -> std::int32_t& { return c.mxm.chain_cycles; },
     nullptr, 1, 64},
    {"chip.mxm", "emit_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.mxm.emit_latency_cycles; }, nullptr, 1, kLatency},
    {"chip.mxm", "float_interval_cycles",
     [](Chip& c) -> std::int32_t& { return c.mxm.float_interval_cycles; }, nullptr, 1, 64},

    {"chip.vxm", "chains", [](Chip& c) -> std::int32_t& { return c.vxm.chains; }, nullptr, 1, 64},
    {"chip.vxm", "alus_per_chain", [](Chip& c) -> std::int32_t& { return c.vxm.alus_per_chain; },
     nullptr, 1, 64},
    {"chip.vxm", "alu_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.vxm.alu_latency_cycles; }, nullptr, 1, kLatency},
    {"chip.vxm", "divide_latency_cycles",
     [](Chip& c) -> std::int32_t& { return c.vxm.divide_latency_cycles; }, nullptr, 1, kLatency},
    {"chip.vxm", "fold_cycles", [](Chip& c) -> std::int32_t& { return c.vxm.fold_cycles; }, nullptr,
     1, kLatency},
    {"chip.vxm", "states", [](Chip& c) -> std::int32_t& { return c.vxm.states; }, nullptr, 64,
     1 << 24},

    {"chip.sxm", "latency_cycles", [](Chip& c) -> std::int32_t& { return c.sxm.latency_cycles; },
     nullptr, 1, kLatency},

    {"chip.links", "count", [](Chip& c) -> std::int32_t& { return c.links.count; }, nullptr, 0,
     kIndex},
    {"chip.links", "vector_cycles", [](Chip& c) -> std::int32_t& { return c.links.vector_cycles; },
     nullptr, 1, kLatency},

    {"chip.energy", "idle_w", nullptr, [](Chip& c) -> double& { return c.energy.idle_w; }, 0, 1e6,
     false},
    {"chip.energy", "sram_byte_j", nullptr, [](Chip& c) -> double& { return c.energy.sram_byte_j; },
     0, 1, false},
    {"chip.energy", "mac_int8_j", nullptr, [](Chip& c) -> double& { return c.energy.mac_int8_j; },
     0, 1, false},
    {"chip.energy", "mac_fp16_j", nullptr, [](Chip& c) -> double& { return c.energy.mac_fp16_j; },
     0, 1, false},
    {"chip.energy", "link_byte_j", nullptr, [](Chip& c) -> double& { return c.energy.link_byte_j; },
     0, 1, false},
};

}  // namespace

std::span<const ChipKey> ChipKeys() { return kKeys; }

}  // namespace millrace
