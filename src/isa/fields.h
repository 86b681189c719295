// The fields of everything that a program consists of: one table, from which both file forms
// follow.
//
// The text form (isa/assembler.h, isa/disassembler.h) writes "name value" for each field that is
// not at its default, the container (isa/program_file.h) writes all values in this order, each in
// as many bytes as its type has, little-endian. docs/isa.md, "Encoding", is this table in words.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "isa/instruction.h"
#include "isa/program.h"

namespace millrace::isa {

// The words of an enum, by value. An enum of one byte in the container.
template <typename Enum>
inline constexpr std::array<std::string_view, 0> kWords = {};
template <>
inline constexpr std::array kWords<Hemisphere> = std::to_array<std::string_view>({"west", "east"});
template <>
inline constexpr std::array kWords<Flow> = std::to_array<std::string_view>({"inward", "outward"});
template <>
inline constexpr std::array kWords<UnitKind> = std::to_array<std::string_view>({"mem", "mxm", "vxm",
                                                                                "sxm", "c2c"});
template <>
inline constexpr std::array kWords<TileOrder> =
    std::to_array<std::string_view>({"dense", "column_words", "row_words"});
template <>
inline constexpr std::array kWords<PassBegin> = std::to_array<std::string_view>({"zero", "continue",
                                                                                 "rescale"});
template <>
inline constexpr std::array kWords<ResultSides> = std::to_array<std::string_view>({"none", "west",
                                                                                   "east", "both"});
template <>
inline constexpr std::array kWords<VxmOp> = std::to_array<std::string_view>(
    {"copy",          "add",          "scale",       "softcap",     "silu_mul",
     "gelu_mul",      "clamped_mul",  "scaled_add",  "sum_squares", "normalise",
     "multiply_runs", "quantise",     "to_f16",      "to_bf16",     "rope",
     "softmax_begin", "softmax_step", "softmax_end", "route",       "dot"});
template <>
inline constexpr std::array kWords<TurnedPairs> = std::to_array<std::string_view>({"adjacent",
                                                                                   "halves"});
template <>
inline constexpr std::array kWords<RouteWeighting> =
    std::to_array<std::string_view>({"softmax", "softmax_of_chosen", "sigmoid"});
template <>
inline constexpr std::array kWords<LaunchRegister::Kind> =
    std::to_array<std::string_view>({"position", "first_block", "blocks", "routed"});
template <>
inline constexpr std::array kWords<ProgramInput::Kind> =
    std::to_array<std::string_view>({"embedding", "rope"});

// Form<T>::Fields(f) calls f("name", &T::member) for each field.
template <typename T>
struct Form;

template <>
struct Form<Read> {
  static constexpr std::string_view kName = "read";
  static void Fields(auto&& f) {
    f("address", &Read::address);
    f("count", &Read::count);
    f("stride", &Read::stride);
    f("interval", &Read::interval);
    f("stream", &Read::stream);
    f("flow", &Read::flow);
  }
};
template <>
struct Form<Write> {
  static constexpr std::string_view kName = "write";
  static void Fields(auto&& f) {
    f("address", &Write::address);
    f("count", &Write::count);
    f("stride", &Write::stride);
    f("interval", &Write::interval);
    f("stream", &Write::stream);
    f("flow", &Write::flow);
    f("first_byte", &Write::first_byte);
    f("end_byte", &Write::end_byte);
    f("take", &Write::take);
    f("condition", &Write::condition);
  }
};
template <>
struct Form<Load> {
  static constexpr std::string_view kName = "load";
  static void Fields(auto&& f) {
    f("buffer", &Load::buffer);
    f("base", &Load::base);
    f("dtype", &Load::dtype);
    f("order", &Load::order);
    f("k", &Load::k);
    f("columns", &Load::columns);
    f("vectors", &Load::vectors);
  }
};
template <>
struct Form<Pass> {
  static constexpr std::string_view kName = "pass";
  static void Fields(auto&& f) {
    f("buffer", &Pass::buffer);
    f("base", &Pass::base);
    f("begin", &Pass::begin);
    f("accumulator", &Pass::accumulator);
    f("count", &Pass::count);
    f("interval", &Pass::interval);
  }
};
template <>
struct Form<Emit> {
  static constexpr std::string_view kName = "emit";
  static void Fields(auto&& f) {
    f("accumulator", &Emit::accumulator);
    f("count", &Emit::count);
    f("columns", &Emit::columns);
    f("shift", &Emit::shift);
    f("interval", &Emit::interval);
    f("out", &Emit::out);
  }
};
// In the text form the word of `op` takes the place of the name.
template <>
struct Form<Vxm> {
  static constexpr std::string_view kName = "vxm";
  static void Fields(auto&& f) {
    f("op", &Vxm::op);
    f("a", &Vxm::a);
    f("b", &Vxm::b);
    f("to", &Vxm::to);
    f("out", &Vxm::out);
    f("count", &Vxm::count);
    f("elements", &Vxm::elements);
    f("step_elements", &Vxm::step_elements);
    f("x", &Vxm::x);
    f("slot", &Vxm::slot);
    f("sum_slot", &Vxm::sum_slot);
    f("run", &Vxm::run);
    f("first", &Vxm::first);
    f("pairs", &Vxm::pairs);
    f("turned", &Vxm::turned);
    f("position", &Vxm::position);
    f("first_block", &Vxm::first_block);
    f("window", &Vxm::window);
    f("chosen", &Vxm::chosen);
    f("groups", &Vxm::groups);
    f("chosen_groups", &Vxm::chosen_groups);
    f("weighting", &Vxm::weighting);
    f("normalise", &Vxm::normalise);
  }
};
template <>
struct Form<Shift> {
  static constexpr std::string_view kName = "shift";
  static void Fields(auto&& f) {
    f("in", &Shift::in);
    f("out", &Shift::out);
    f("from", &Shift::from);
    f("to", &Shift::to);
    f("bytes", &Shift::bytes);
    f("count", &Shift::count);
  }
};
template <>
struct Form<Send> {
  static constexpr std::string_view kName = "send";
  static void Fields(auto&& f) {
    f("side", &Send::side);
    f("stream", &Send::stream);
    f("count", &Send::count);
  }
};
template <>
struct Form<Receive> {
  static constexpr std::string_view kName = "receive";
  static void Fields(auto&& f) {
    f("to", &Receive::to);
    f("stream", &Receive::stream);
    f("count", &Receive::count);
  }
};

template <>
struct Form<LaunchRegister> {
  static constexpr std::string_view kName = "register";
  static void Fields(auto&& f) {
    f("kind", &LaunchRegister::kind);
    f("row", &LaunchRegister::row);
    f("window", &LaunchRegister::window);
  }
};
template <>
struct Form<Section> {
  static constexpr std::string_view kName = "section";
  static void Fields(auto&& f) {
    f("length_cycles", &Section::length_cycles);
    f("repeats", &Section::repeats);
    f("name", &Section::name);
  }
};
template <>
struct Form<Call> {
  static constexpr std::string_view kName = "call";
  static void Fields(auto&& f) {
    f("section", &Call::section);
    f("block", &Call::block);
    f("relocations", &Call::relocations);
  }
};
template <>
struct Form<ImagePart> {
  static constexpr std::string_view kName = "image";
  static void Fields(auto&& f) {
    f("slice", &ImagePart::slice);
    f("word", &ImagePart::word);
    f("words", &ImagePart::words);
    f("bytes", &ImagePart::bytes);
  }
};
template <>
struct Form<TensorPlace> {
  static void Fields(auto&& f) {
    f("chip", &TensorPlace::chip);
    f("side", &TensorPlace::side);
    f("slice", &TensorPlace::slice);
    f("word", &TensorPlace::word);
    f("step_elements", &TensorPlace::step_elements);
  }
};
template <>
struct Form<ProgramInput> {
  static constexpr std::string_view kName = "input";
  static void Fields(auto&& f) {
    f("kind", &ProgramInput::kind);
    f("row", &ProgramInput::row);
    f("table", &ProgramInput::table);
    f("place", &ProgramInput::place);
  }
};
template <>
struct Form<ProgramOutput> {
  static constexpr std::string_view kName = "output";
  static void Fields(auto&& f) {
    f("row", &ProgramOutput::row);
    f("first", &ProgramOutput::first);
    f("count", &ProgramOutput::count);
    f("place", &ProgramOutput::place);
  }
};
// Without its tables, which have lines of their own.
template <>
struct Form<Program> {
  static constexpr std::string_view kName = "program";
  static void Fields(auto&& f) {
    f("model", &Program::model);
    f("model_fingerprint", &Program::model_fingerprint);
    f("machine", &Program::machine);
    f("machine_fingerprint", &Program::machine_fingerprint);
    f("rows", &Program::rows);
    f("shared_sequence", &Program::shared_sequence);
    f("context", &Program::context);
    f("hidden", &Program::hidden);
    f("vocabulary", &Program::vocabulary);
    f("shape_only", &Program::shape_only);
  }
};

}  // namespace millrace::isa
