// Attention over KV blocks, every level and cache type, against reference::Attention: bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"
#include "numerics/reference_attention.h"

namespace millrace {
namespace {

using reference::CacheType;

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using AlignedBytes = std::unique_ptr<std::byte[], Free>;

// Filled with NaN patterns, so that reading what was never stored shows.
AlignedBytes Allocate(std::size_t bytes) {
  AlignedBytes result(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)));
  std::memset(result.get(), 0xff, bytes);
  return result;
}

std::vector<float> Normals(std::size_t count, unsigned seed, float deviation) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// `tokens` consecutive positions ending at `positions` - 1 ask together, `group` query heads each,
// as a chunk of a prompt does.
struct Case {
  std::size_t head_dim, value_dim, positions, tokens, group;
  std::size_t window = 0;
  float softcap = 0;
  bool sinks = false;
};

class AttentionRun {
 public:
  AttentionRun(const KernelTable& table, CacheType type, const Case& c)
      : kernels_(type == CacheType::kF32   ? table.f32_cache
                 : type == CacheType::kF16 ? table.f16_cache
                                           : table.q8_cache),
        table_(table),
        case_(c),
        keys_(type, 1, c.head_dim),
        values_(type, 1, c.value_dim),
        queries_(Normals(c.tokens * c.group * c.head_dim, 3, 2.0f)),
        sinks_(Normals(c.group, 4, 1.0f)) {
    const auto keys = Normals(c.positions * c.head_dim, 1, 0.3f);
    const auto values = Normals(c.positions * c.value_dim, 2, 1.0f);
    const std::size_t blocks = (c.positions + 63) / 64;
    key_bytes_ = kernels_.key_block_bytes(c.head_dim);
    value_bytes_ = kernels_.value_block_bytes(c.value_dim);
    key_blocks_ = Allocate(blocks * key_bytes_);
    value_blocks_ = Allocate(blocks * value_bytes_);
    for (std::size_t p = 0; p < c.positions; ++p) {
      kernels_.store(&keys[p * c.head_dim], c.head_dim, &values[p * c.value_dim], c.value_dim,
                     p % 64, key_blocks_.get() + p / 64 * key_bytes_,
                     value_blocks_.get() + p / 64 * value_bytes_);
      keys_.Append(std::span(keys).subspan(p * c.head_dim, c.head_dim));
      values_.Append(std::span(values).subspan(p * c.value_dim, c.value_dim));
    }
  }

  void ExpectTheBitsOfTheReference() {
    const std::size_t queries = case_.tokens * case_.group;
    const std::size_t padded = PaddedHeadDim(case_.value_dim);
    std::vector<float> max(queries), sum(queries), acc(queries * padded);
    AlignedBytes scratch = Allocate(queries * 64 * sizeof(float));
    const AttentionState state{max.data(), sum.data(), acc.data(),
                               reinterpret_cast<float*>(scratch.get())};
    AttendAll(state);
    std::vector<float> out(case_.value_dim), expected(case_.value_dim);
    for (std::size_t i = 0; i < queries; ++i) {
      table_.normalise(&acc[i * padded], sum[i], case_.value_dim, out.data());
      reference::AttentionRule rule{
          .scale = scale(), .window = case_.window, .softcap = case_.softcap, .sink = {}};
      if (case_.sinks) rule.sink = sinks_[i % case_.group];
      reference::Attention(keys_, values_, 0, position(i / case_.group),
                           std::span(queries_).subspan(i * case_.head_dim, case_.head_dim), rule,
                           expected);
      ASSERT_EQ(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)), 0)
          << "query " << i << ": " << out[0] << ", wanted " << expected[0];
    }
  }

 private:
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(case_.head_dim)); }
  std::size_t position(std::size_t token) const { return case_.positions - case_.tokens + token; }
  std::size_t first_seen(std::size_t position) const {
    return case_.window != 0 && position + 1 > case_.window ? position + 1 - case_.window : 0;
  }

  void AttendAll(const AttentionState& state) {
    const std::size_t queries = case_.tokens * case_.group,
                      bytes = kernels_.query_bytes(case_.head_dim);
    AlignedBytes prepared = Allocate(queries * bytes);
    kernels_.prepare_query(queries_.data(), scale(), queries, case_.head_dim, prepared.get());
    StartAttention(state, queries, case_.value_dim, case_.sinks ? sinks_.data() : nullptr,
                   case_.group);
    for (std::size_t begin = 0; begin < case_.positions; begin += 64) {
      std::vector<std::int32_t> begins, ends;
      std::size_t skipped = 0;  // tokens that do not see the block come first or last
      for (std::size_t t = 0; t < case_.tokens; ++t) {
        const std::size_t from = std::max(begin, first_seen(position(t)));
        const std::size_t to = std::min(begin + 64, position(t) + 1);
        if (from >= to) {
          if (begins.empty()) ++skipped;
          continue;
        }
        begins.insert(begins.end(), case_.group, static_cast<std::int32_t>(from - begin));
        ends.insert(ends.end(), case_.group, static_cast<std::int32_t>(to - begin));
      }
      if (begins.empty()) continue;
      const std::size_t at = skipped * case_.group;
      kernels_.attend(
          {.query = prepared.get() + at * bytes,
           .queries = begins.size(),
           .head_dim = case_.head_dim,
           .value_dim = case_.value_dim,
           .keys = key_blocks_.get() + begin / 64 * key_bytes_,
           .values = value_blocks_.get() + begin / 64 * value_bytes_,
           .begins = begins.data(),
           .ends = ends.data(),
           .softcap = case_.softcap,
           .next_keys = nullptr},
          {state.max + at, state.sum + at, state.acc + at * PaddedHeadDim(case_.value_dim),
           state.probabilities + at * 64});
    }
  }

  const CacheKernels& kernels_;
  const KernelTable& table_;
  const Case& case_;
  reference::CachedVectors keys_, values_;
  std::vector<float> queries_, sinks_;
  std::size_t key_bytes_ = 0, value_bytes_ = 0;
  AlignedBytes key_blocks_, value_blocks_;
};

class AttentionKernels : public testing::TestWithParam<std::tuple<CpuLevel, CacheType>> {
 protected:
  void ExpectSameBits(const std::vector<Case>& cases) {
    const auto [level, type] = GetParam();
    for (const Case& c : cases) {
      SCOPED_TRACE(testing::Message()
                   << c.head_dim << "/" << c.value_dim << ", " << c.tokens << " x " << c.group
                   << " at " << c.positions << ", window " << c.window);
      AttentionRun(KernelsFor(level), type, c).ExpectTheBitsOfTheReference();
    }
  }
};

TEST_P(AttentionKernels, CausalOverBlocks) {
  ExpectSameBits({{48, 48, 1, 1, 1},
                  {48, 48, 64, 1, 1},
                  {32, 32, 65, 4, 1},
                  {64, 64, 200, 5, 2},
                  {128, 128, 130, 2, 4},
                  {24, 24, 100, 1, 2},
                  {256, 256, 70, 1, 1},
                  {80, 80, 129, 3, 2},
                  {64, 64, 140, 140, 1}});
}

TEST_P(AttentionKernels, ValuesOfAnotherSizeThanKeys) {
  ExpectSameBits({{48, 32, 130, 3, 4}, {96, 72, 70, 1, 5}, {40, 8, 65, 2, 1}});
}

TEST_P(AttentionKernels, WindowsOfAnySize) {
  ExpectSameBits({{32, 32, 200, 1, 2, 16},
                  {32, 32, 200, 100, 2, 16},
                  {32, 32, 300, 130, 1, 64},
                  {48, 48, 300, 70, 3, 100},
                  {32, 32, 90, 90, 4, 1},
                  {32, 32, 90, 90, 1, 1000}});
}

TEST_P(AttentionKernels, SoftCapsAndSinks) {
  ExpectSameBits({{64, 64, 130, 3, 2, 0, 5.0f},
                  {64, 64, 130, 70, 2, 0, 0, true},
                  {64, 64, 300, 70, 2, 16, 0, true},
                  {64, 64, 200, 20, 4, 50, 3.0f, true}});
}

std::string CaseName(const testing::TestParamInfo<std::tuple<CpuLevel, CacheType>>& test) {
  constexpr const char* kNames[] = {"F32", "F16", "Q8_0"};
  return std::string(Name(std::get<0>(test.param))) + "_" +
         kNames[static_cast<int>(std::get<1>(test.param))];
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, AttentionKernels,
                         testing::Combine(testing::ValuesIn(AvailableLevels()),
                                          testing::Values(CacheType::kF32, CacheType::kF16,
                                                          CacheType::kQ8_0)),
                         CaseName);

}  // namespace
}  // namespace millrace
