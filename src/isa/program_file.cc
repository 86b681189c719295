// The container: a header, a table of parts, the parts.
//
//     0   "MRXPROG\0"                      8 bytes
//     8   version                          u32
//     12  number of parts: 4               u32
//     16  bytes of the file                u64
//     24  the table: for each part         offset u64, bytes u64, checksum u64
//     120 checksum of bytes 0 to 119       u64
//     128 the parts, each at a multiple of 64, zeros between them
//
// Part 0 is the program without blocks and chips, part 1 the blocks, part 2 the chips, part 3 the
// bytes of all images, in the order of the image parts.
#include "isa/program_file.h"

#include <array>
#include <cstdio>
#include <limits>

#include "base/mapped_file.h"
#include "isa/byte_stream.h"

namespace millrace::isa {
namespace {

constexpr std::string_view kMagic{"MRXPROG\0", 8};
constexpr std::size_t kParts = 4, kAlignment = 64, kHeaderBytes = 128, kChecked = 120;
using Bytes = std::vector<std::byte>;

template <typename T>
void PutAll(const std::vector<T>& values, ByteWriter& writer) {
  writer.Put(static_cast<std::uint32_t>(values.size()));
  for (const T& value : values) writer.PutFields(value);
}

void PutInstruction(const Instruction& instruction, ByteWriter& writer) {
  writer.Put(instruction.cycle);
  writer.Put(instruction.unit);
  writer.Put(static_cast<std::uint8_t>(instruction.action.index()));
  std::visit([&](const auto& fields) { writer.PutFields(fields); }, instruction.action);
}

std::array<Bytes, kParts> EncodeParts(const Program& program) {
  std::array<Bytes, kParts> parts;
  ByteWriter head(parts[0]), blocks(parts[1]), chips(parts[2]);
  head.PutFields(program);
  PutAll(program.registers, head);
  PutAll(program.sections, head);
  PutAll(program.inputs, head);
  PutAll(program.outputs, head);
  blocks.Put(static_cast<std::uint32_t>(program.blocks.size()));
  for (const Block& block : program.blocks) {
    blocks.Put(block.name);
    blocks.Put(static_cast<std::uint32_t>(block.instructions.size()));
    for (const Instruction& i : block.instructions) PutInstruction(i, blocks);
  }
  chips.Put(static_cast<std::uint32_t>(program.chips.size()));
  for (const ChipProgram& chip : program.chips) {
    PutAll(chip.calls, chips);
    PutAll(chip.image, chips);
    for (const ImagePart& part : chip.image) {
      parts[3].insert(parts[3].end(), part.bytes.begin(), part.bytes.end());
    }
  }
  return parts;
}

template <typename T>
void GetAll(ByteReader& reader, std::vector<T>& values) {
  const std::size_t count = reader.GetCount(1);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) reader.GetFields(values.emplace_back());
}

// An empty action of kind `index`; the caller has seen that there is one.
template <std::size_t n = 0>
Action EmptyAction(std::size_t index) {
  if constexpr (n + 1 < std::variant_size_v<Action>) {
    if (index != n) return EmptyAction<n + 1>(index);
  }
  return Action(std::in_place_index<n>);
}

bool GetInstruction(ByteReader& reader, Instruction& instruction) {
  reader.Get(instruction.cycle);
  reader.Get(instruction.unit);
  std::uint8_t kind = 0;
  reader.Get(kind);
  if (!reader.ok() || kind >= std::variant_size_v<Action>) return false;
  instruction.action = EmptyAction(kind);
  std::visit([&](auto& fields) { reader.GetFields(fields); }, instruction.action);
  return reader.ok();
}

bool GetBlocks(ByteReader& reader, std::vector<Block>& blocks) {
  const std::size_t count = reader.GetCount(8);
  for (std::size_t b = 0; b < count; ++b) {
    Block& block = blocks.emplace_back();
    reader.Get(block.name);
    const std::size_t instructions = reader.GetCount(9);
    for (std::size_t i = 0; i < instructions; ++i) {
      if (!GetInstruction(reader, block.instructions.emplace_back())) return false;
    }
  }
  return reader.ok() && reader.AtEnd();
}

bool GetImage(ByteReader& reader, std::span<const std::byte>& bytes,
              std::vector<ImagePart>& image) {
  const std::size_t count = reader.GetCount(1);
  for (std::size_t i = 0; i < count; ++i) {
    ImagePart& part = image.emplace_back();
    reader.GetFields(part);
    if (!reader.ok() || reader.byte_count() > bytes.size()) return false;
    const auto mine = bytes.first(static_cast<std::size_t>(reader.byte_count()));
    part.bytes.assign(mine.begin(), mine.end());
    bytes = bytes.subspan(mine.size());
  }
  return reader.ok();
}

bool GetChips(ByteReader& reader, std::span<const std::byte> bytes,
              std::vector<ChipProgram>& chips) {
  const std::size_t count = reader.GetCount(8);
  for (std::size_t c = 0; c < count; ++c) {
    GetAll(reader, chips.emplace_back().calls);
    if (!reader.ok() || !GetImage(reader, bytes, chips.back().image)) return false;
  }
  return reader.ok() && reader.AtEnd() && bytes.empty();
}

bool GetHead(ByteReader& reader, Program& program) {
  reader.GetFields(program);
  GetAll(reader, program.registers);
  GetAll(reader, program.sections);
  GetAll(reader, program.inputs);
  GetAll(reader, program.outputs);
  return reader.ok() && reader.AtEnd();
}

// The parts of a file whose checksums are right.
Result<std::array<std::span<const std::byte>, kParts>> FindParts(std::span<const std::byte> file,
                                                                 std::string_view name) {
  if (file.size() < kMagic.size() || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    return Invalid("{}: found other bytes, wanted a file that begins with MRXPROG", name);
  if (file.size() < kHeaderBytes)
    return Invalid("{}: found {} bytes, wanted a header of {}", name, file.size(), kHeaderBytes);
  ByteReader header(file.subspan(kMagic.size()));
  std::uint32_t version = 0, count = 0;
  std::uint64_t size = 0, checksum = 0;
  header.Get(version), header.Get(count), header.Get(size);
  if (version != kProgramFileVersion) {
    return Unsupported("{}: found version {}, this program reads {}", name, version,
                       kProgramFileVersion);
  }
  std::array<std::array<std::uint64_t, 3>, kParts> table{};
  for (auto& row : table) {
    for (auto& number : row) header.Get(number);
  }
  header.Get(checksum);
  if (count != kParts || checksum != Checksum(file.first(kChecked)))
    return Invalid("{}: found a damaged header, its checksum is another", name);
  if (size != file.size())
    return Invalid("{}: found {} bytes, the header says {}", name, file.size(), size);
  std::array<std::span<const std::byte>, kParts> parts;
  for (std::size_t p = 0; p < kParts; ++p) {
    const auto [offset, bytes, sum] = table[p];
    if (offset > file.size() || bytes > file.size() - offset)
      return Invalid("{}: found part {} beyond the end of the file", name, p);
    parts[p] = file.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
    if (Checksum(parts[p]) != sum)
      return Invalid("{}: found part {} damaged, its checksum is another", name, p);
  }
  return parts;
}

}  // namespace

std::uint64_t Checksum(std::span<const std::byte> bytes) {
  // Every step is a bijection of the sum for a given word, and of the word for a given sum.
  std::uint64_t sum = bytes.size();
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
    sum = (sum ^ word) * 0x9E3779B97F4A7C15U;
    sum ^= sum >> 29;
  }
  return sum;
}

std::vector<std::byte> Encode(const Program& program) {
  const std::array<Bytes, kParts> parts = EncodeParts(program);
  Bytes file(kHeaderBytes), header;
  std::array<std::size_t, kParts> offsets{};
  for (std::size_t p = 0; p < kParts; ++p) {
    file.resize((file.size() + kAlignment - 1) / kAlignment * kAlignment);
    offsets[p] = file.size();
    file.insert(file.end(), parts[p].begin(), parts[p].end());
  }
  ByteWriter writer(header);
  for (const char c : kMagic) writer.Put(c);
  writer.Put(kProgramFileVersion);
  writer.Put(static_cast<std::uint32_t>(kParts));
  writer.Put(static_cast<std::uint64_t>(file.size()));
  for (std::size_t p = 0; p < kParts; ++p) {
    writer.Put(static_cast<std::uint64_t>(offsets[p]));
    writer.Put(static_cast<std::uint64_t>(parts[p].size()));
    writer.Put(Checksum(parts[p]));
  }
  writer.Put(Checksum(header));
  std::copy(header.begin(), header.end(), file.begin());
  return file;
}

Result<Program> Decode(std::span<const std::byte> file, std::string_view name) {
  MILLRACE_TRY(const auto parts, FindParts(file, name));
  Program program;
  ByteReader head(parts[0]), blocks(parts[1]), chips(parts[2]);
  if (!GetHead(head, program)) return Invalid("{}: found the table of sections broken", name);
  if (!GetBlocks(blocks, program.blocks))
    return Invalid("{}: found the instructions of block {} broken", name,
                   std::ssize(program.blocks) - 1);
  if (!GetChips(chips, parts[3], program.chips))
    return Invalid("{}: found the calls or the image of chip {} broken", name,
                   std::ssize(program.chips) - 1);
  return program;
}

Result<void> Save(const Program& program, const std::string& path) {
  const std::vector<std::byte> bytes = Encode(program);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return IoError("{}: cannot be written", path);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return {};
  std::remove(path.c_str());
  return IoError("{}: cannot be written", path);
}

Result<Program> LoadProgram(const std::string& path) {
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(path));
  return Decode(file.bytes(), path);
}

}  // namespace millrace::isa
