#include "engine/draft_pace.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace millrace {
namespace {

constexpr double kKeep = 0.9;             // of a sample's weight, a step later
constexpr double kKeepFate = 0.85;        // of a token's weight in the chance, a token later
constexpr int kTrustedSamples = 4;        // with fewer, a strange one may be the truth
constexpr std::int32_t kFirstLength = 2;  // of a proposal; each one timed allows twice as many
constexpr int kPlainAge = 256;            // steps after which a plain step is timed again
constexpr int kPlainSamples = 2;          // the first may have found the machine cold
constexpr std::int32_t kTrial = 2;  // tokens, and steps: the first pays for what the draft missed

}  // namespace

bool DraftCosts::Knows(std::size_t sequences) {
  if (plain_.size() <= sequences) plain_.resize(sequences + 1);
  PlainStep& plain = plain_[sequences];
  return plain.samples >= kPlainSamples && ++plain.age < kPlainAge;
}

void DraftCosts::ObservePlain(double seconds, std::size_t sequences) {
  if (plain_.size() <= sequences) plain_.resize(sequences + 1);
  PlainStep& plain = plain_[sequences];
  // Another process may have had the core for a while: what is far above the others counts less.
  if (plain.samples >= kPlainSamples) seconds = std::min(seconds, 2 * plain.seconds);
  const double weight = plain.samples == 0 ? 1 : plain.samples < kPlainSamples ? 0.5 : 0.1;
  plain.seconds += weight * (seconds - plain.seconds);
  if (plain.samples < kPlainSamples) ++plain.samples;
  plain.age = 0;
}

void DraftCosts::ObserveDrafted(double seconds, std::size_t sequences, std::size_t proposed) {
  MILLRACE_CHECK(proposed > 0);
  if (plain_.size() <= sequences || plain_[sequences].samples == 0) return;
  const double plain = plain_[sequences].seconds, x = static_cast<double>(proposed);
  const double expected = plain + line_.offset() + line_.slope() * x;
  if (drafted_samples_ < kTrustedSamples) {
    ++drafted_samples_;
  } else {
    seconds = std::min(seconds, 2 * expected);
  }
  line_.Add(x, std::max(0.0, seconds - plain));
}

DraftCosts::Price DraftCosts::price(std::size_t sequences) const {
  MILLRACE_CHECK(sequences < plain_.size() && plain_[sequences].seconds > 0);
  const double count = static_cast<double>(sequences), plain = plain_[sequences].seconds;
  if (drafted_samples_ == 0) return {.fixed = 0.2, .each = 0.2 * count, .longest = kFirstLength};
  return {.fixed = line_.offset() / plain,
          .each = line_.slope() * count / plain,
          .longest = kFirstLength << std::min(drafted_samples_, kTrustedSamples * 2)};
}

void DraftCosts::Line::Add(double new_x, double new_y) {
  for (double* sum : {&weight, &x, &y, &xx, &xy}) *sum *= kKeep;
  weight += 1;
  x += new_x;
  y += new_y;
  xx += new_x * new_x;
  xy += new_x * new_y;
}

// Least squares, drawn to the line through 0 as far as x did not vary.
double DraftCosts::Line::slope() const {
  if (weight == 0) return 0;
  const double mean_x = x / weight, mean_y = y / weight;
  const double variance = xx / weight - mean_x * mean_x, covariance = xy / weight - mean_x * mean_y;
  constexpr double kPull = 0.25;
  return std::clamp((covariance + kPull * mean_y / mean_x) / (variance + kPull), 0.0,
                    mean_y / mean_x);
}

double DraftCosts::Line::offset() const {
  return weight == 0 ? 0 : y / weight - slope() * x / weight;
}

std::int32_t BestDraftLength(double chance, const DraftCosts::Price& price, std::int32_t most) {
  std::int32_t best = 0;
  double best_rate = 1, tokens = 1, power = 1;
  for (std::int32_t k = 1; k <= std::min(most, price.longest); ++k) {
    power *= chance;
    tokens += power;
    const double rate = tokens / (1 + price.fixed + price.each * k);
    if (rate > best_rate) {
      best = k;
      best_rate = rate;
    }
  }
  return best;
}

std::int32_t DraftPace::Next(const DraftCosts::Price& price, std::int32_t most) {
  const std::int32_t best = BestDraftLength(chance(), price, most);
  if (best > 0) {
    pause_ = kFirstPause;
    waited_ = trial_ = 0;
    return best;
  }
  if (trial_ == 0 && ++waited_ > pause_) {
    trial_ = kTrial;
    waited_ = 0;
    pause_ = std::min(2 * pause_, kLongestPause);
  }
  if (trial_ == 0) return 0;
  --trial_;
  return std::min(kTrial, most);
}

void DraftPace::Observe(std::int32_t proposed, std::int32_t accepted) {
  const std::int32_t decided = accepted + (accepted < proposed ? 1 : 0);
  const double keep = std::pow(kKeepFate, decided);
  accepted_ = keep * accepted_ + accepted;
  seen_ = keep * seen_ + decided;
  if (accepted == 0) trial_ = 0;  // nothing more to find out
}

}  // namespace millrace
