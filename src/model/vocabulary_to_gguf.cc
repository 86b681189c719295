#include "model/vocabulary_to_gguf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "format/checkpoint_builder.h"
#include "format/gguf_value.h"
#include "model/gguf_vocabulary_candidates.h"
#include "model/probe_texts.h"
#include "model/tokenizer_of_checkpoint.h"
#include "model/vocabulary_from_gguf.h"

namespace millrace {
namespace {

// The texts that are compared.
struct Probes {
  std::vector<std::string> texts = ProbeTexts();
  std::vector<std::string> with_added_tokens;  // parsed as such
};

Probes ProbesFor(const Vocabulary& vocabulary) {
  constexpr std::size_t kMost = 500;
  Probes probes;
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    const PieceKind kind = vocabulary.kinds[i];
    if (kind != PieceKind::kControl && kind != PieceKind::kUserDefined) continue;
    if (probes.with_added_tokens.size() == kMost) break;
    probes.with_added_tokens.push_back("one" + vocabulary.pieces[i] + "two " +
                                       vocabulary.pieces[i] + " three");
  }
  return probes;
}

// How far a candidate is from the directory's tokenizer.
struct Verdict {
  std::size_t wrong_texts = 0;
  std::string first_wrong;             // a text or what a piece stands for; empty if all are right
  std::string first_wrong_with_added;  // empty if all are right
};

// On one line, and not long.
std::string Shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string shown;
  for (const char c : text.substr(0, kMost)) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    shown += is_control ? fmt::format("\\x{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return shown;
}

std::string Ids(const std::vector<TokenId>& tokens) {
  constexpr std::size_t kMost = 12;
  std::string ids;
  for (std::size_t i = 0; i < std::min(tokens.size(), kMost); ++i) {
    ids += fmt::format("{}{}", i == 0 ? "" : " ", tokens[i].value);
  }
  return tokens.size() > kMost ? ids + " ..." : ids;
}

std::string Difference(const std::string& text, const Tokenizer& own, const Tokenizer& other,
                       EncodeOptions options) {
  return fmt::format("'{}' becomes {}, wanted {}", Shown(text), Ids(other.Encode(text, options)),
                     Ids(own.Encode(text, options)));
}

Verdict Compare(const Tokenizer& own, const Tokenizer& other, const Probes& probes) {
  Verdict verdict;
  for (std::size_t i = 0; i < own.vocabulary_size(); ++i) {
    const TokenId token{static_cast<std::int32_t>(i)};
    if (own.Bytes(token) == other.Bytes(token)) continue;
    ++verdict.wrong_texts;
    verdict.first_wrong = fmt::format("token {} stands for '{}', wanted '{}'", i,
                                      Shown(other.Bytes(token)), Shown(own.Bytes(token)));
  }
  for (const std::string& text : probes.texts) {
    if (own.Encode(text) == other.Encode(text)) continue;
    ++verdict.wrong_texts;
    if (verdict.first_wrong.empty()) verdict.first_wrong = Difference(text, own, other, {});
  }
  // What no caller asked to be parsed first: it concerns every text.
  for (const bool parse : {false, true}) {
    for (const std::string& text : probes.with_added_tokens) {
      const EncodeOptions options{.add_special = false, .parse_special = parse};
      if (own.Encode(text, options) == other.Encode(text, options)) continue;
      verdict.first_wrong_with_added = Difference(text, own, other, options);
      return verdict;
    }
  }
  return verdict;
}

class Search {
 public:
  Search(const Checkpoint& checkpoint, const Tokenizer& own, GgufCandidates candidates)
      : checkpoint_(checkpoint),
        own_(own),
        candidates_(std::move(candidates)),
        probes_(ProbesFor(own.vocabulary())) {}

  Result<GgufVocabulary> Run() {
    std::optional<Error> refused;
    for (std::size_t i = 0; i < candidates_.candidates.size(); ++i) {
      const Result<Tokenizer> other = ReadBack(Keys(i));
      if (!other.ok()) {
        if (!refused.has_value()) refused = other.error();
        continue;
      }
      Verdict verdict = Compare(own_, *other, probes_);
      if (verdict.first_wrong.empty() && verdict.first_wrong_with_added.empty()) {
        return GgufVocabulary{Keys(i), ""};
      }
      const bool is_better = !best_.has_value() || verdict.wrong_texts < best_->second.wrong_texts;
      if (is_better) best_.emplace(i, std::move(verdict));
    }
    if (!best_.has_value()) {
      return Unsupported("{}: {}", checkpoint_.name(),
                         refused.has_value() ? refused->message
                                             : "no vocabulary that GGUF files of decoders hold");
    }
    const auto& [index, verdict] = *best_;
    if (verdict.wrong_texts == 0)
      return GgufVocabulary{Keys(index), verdict.first_wrong_with_added};
    return Unsupported(
        "{}: no vocabulary of GGUF gives the tokens of this tokenizer; with {}, the nearest, {}",
        checkpoint_.name(), candidates_.candidates[index].label, verdict.first_wrong);
  }

 private:
  GgufKeys Keys(std::size_t candidate) const {
    GgufKeys keys = candidates_.common;
    for (const auto& [key, value] : candidates_.candidates[candidate].changes) keys[key] = value;
    return keys;
  }

  // What a reader of the file would have.
  Result<Tokenizer> ReadBack(const GgufKeys& vocabulary_keys) const {
    GgufKeys keys = vocabulary_keys;
    for (const auto& [key, value] : checkpoint_.metadata()) {
      if (key.starts_with("tokenizer.") || key.starts_with("general.")) {
        keys.emplace(std::string(key), ToGgufValue(value));
      }
    }
    GgufWriter writer;
    for (auto& [key, value] : keys) writer.Set(key, std::move(value));
    CheckpointBuilder builder("");
    MILLRACE_TRY_VOID(builder.SetMetadata(writer));
    MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromGguf(builder.checkpoint()));
    return Tokenizer::Build(std::move(vocabulary));
  }

  const Checkpoint& checkpoint_;
  const Tokenizer& own_;
  GgufCandidates candidates_;
  Probes probes_;
  std::optional<std::pair<std::size_t, Verdict>> best_;
};

Result<void> CheckAffix(const Checkpoint& checkpoint, const std::vector<TokenId>& affix,
                        std::optional<TokenId> wanted, const char* where, const char* name) {
  if (affix.empty() || (affix.size() == 1 && affix.front() == wanted)) return {};
  return Unsupported("{}: the tokenizer puts {} {} a text; GGUF can say nothing but {} there",
                     checkpoint.name(), Ids(affix), where, name);
}

}  // namespace

Result<GgufVocabulary> VocabularyToGguf(const Checkpoint& checkpoint) {
  MILLRACE_CHECK(!checkpoint.directory().empty());
  MILLRACE_TRY(const Vocabulary given, VocabularyOf(checkpoint));
  MILLRACE_TRY(const Tokenizer own, TokenizerOf(checkpoint));
  const Vocabulary& complete = own.vocabulary();
  MILLRACE_TRY_VOID(
      CheckAffix(checkpoint, *complete.prefix, complete.bos, "in front of", "its bos token"));
  MILLRACE_TRY_VOID(
      CheckAffix(checkpoint, *complete.suffix, complete.eos, "at the end of", "its eos token"));
  const Tensor* embedding = checkpoint.Find("token_embd.weight");
  const auto rows = embedding == nullptr ? 0 : static_cast<std::size_t>(embedding->rows());
  if (embedding != nullptr && complete.pieces.size() > rows) {
    return Invalid("{}: the vocabulary has {} tokens, token_embd.weight has {} rows",
                   checkpoint.name(), complete.pieces.size(), rows);
  }
  return Search(checkpoint, own, CandidatesFor(given, complete, rows)).Run();
}

}  // namespace millrace
