// How many tokens are worth proposing: what was accepted lately against what proposals cost.
//
// With chance p that a proposed token is accepted if the one before it was, a step with k proposed
// tokens gives 1 + p + ... + p^k tokens. It takes longer than a plain step: by a part that every
// such step has, and by a part for each proposed token (the draft's work and another row of the
// target). The best k gives the most tokens a second; if it is 0, a few tokens are still proposed
// now and then, ever more rarely, to see whether that has changed.
//
// Times are measured, so the numbers of proposals differ from run to run. The tokens do not.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

// What steps cost, over all sequences of an engine. Seconds.
class DraftCosts {
 public:
  // Whether plain steps of so many decoding sequences were timed, and not too long ago. Counts as a
  // step.
  bool Knows(std::size_t sequences);

  // A step of one token of each of `sequences` sequences.
  void ObservePlain(double seconds, std::size_t sequences);
  // A step of as many sequences with `proposed` tokens, at least 1, the making of them included.
  void ObserveDrafted(double seconds, std::size_t sequences, std::size_t proposed);

  // In plain steps of `sequences` sequences: what a step with proposals takes longer, and what each
  // proposed token adds to that if every sequence proposes one. Knows(sequences) was true.
  struct Price {
    double fixed = 0, each = 0;
    std::int32_t longest = 1 << 20;  // proposals whose price may be trusted
  };
  Price price(std::size_t sequences) const;

 private:
  struct PlainStep {
    double seconds = 0;
    int samples = 0;
    int age = 0;  // steps since it was timed
  };
  // Sums of x = proposed tokens and y = seconds more than a plain step, older ones weigh less.
  struct Line {
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0;
    void Add(double new_x, double new_y);
    double slope() const;
    double offset() const;
  };

  std::vector<PlainStep> plain_;  // by sequences
  Line line_;
  int drafted_samples_ = 0;
};

// The length of the next proposal of one sequence.
class DraftPace {
 public:
  // `chance` is what to believe before anything was seen; one token weighs as much.
  explicit DraftPace(double chance = 0.75) : accepted_(chance) {}

  // At most `most`; 0 if proposing is not worth it now. Counts as a step.
  std::int32_t Next(const DraftCosts::Price& price, std::int32_t most);
  void Observe(std::int32_t proposed, std::int32_t accepted);

  double chance() const { return accepted_ / seen_; }

 private:
  static constexpr int kFirstPause = 8, kLongestPause = 256;

  double accepted_, seen_ = 1;  // of the tokens whose fate was decided, older ones weigh less
  int pause_ = kFirstPause;     // steps between two trials
  int waited_ = 0;
  int trial_ = 0;  // steps left of a trial
};

// The k in 0..most with the most tokens a second.
std::int32_t BestDraftLength(double chance, const DraftCosts::Price& price, std::int32_t most);

}  // namespace millrace
