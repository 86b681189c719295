#include "cli/timings.h"

#include <fmt/format.h>

#include "base/bandwidth.h"

namespace millrace {
namespace {

std::string EndText(const Reply& reply, const Backend& backend) {
  switch (reply.end) {
    case ReplyEnd::kEndToken:
      return "end of text";
    case ReplyEnd::kMaxNewTokens:
      return "token limit (-n)";
    case ReplyEnd::kContextFull:
      return fmt::format("full context of {} positions (-c)", backend.executor->limits().context);
    case ReplyEnd::kStopString:
      return "stop string";
    case ReplyEnd::kCancelled:
      return "interruption";
  }
  MILLRACE_CHECK(false);
  return "";
}

std::string Line(const char* what, double seconds, int tokens) {
  return fmt::format("{:<7} {:9.1f} ms {:7} tokens {:10.1f} tok/s", what, seconds * 1e3, tokens,
                     tokens / seconds);
}

// The speed counts what was computed; a prompt that was cached took no time worth a speed.
std::string PrefillLine(const Reply& reply) {
  const int cached = reply.counts.cached_tokens;
  const std::string line = Line("prefill", reply.prefill_s, reply.prompt_tokens - cached);
  return cached == 0 ? line : line + fmt::format("  and {} cached", cached);
}

// ", 70.1 GB/s: 68 % of the 103.0 GB/s at which 2 threads can read 17.2 MB", as far as it is known.
std::string BandwidthText(const Backend& backend, double bytes, double tokens_per_s) {
  if (backend.plan == nullptr) return "";
  const double rate = bytes * tokens_per_s / 1e9;
  std::string text = fmt::format("  {:.1f} GB/s", rate);
  if (backend.threads > AvailableCpus()) return text;  // threads in turns measure nothing
  Team team(backend.threads);
  const auto bound =
      MeasureReadBandwidth(team, static_cast<std::size_t>(bytes), backend.plan->weights());
  if (!bound.ok()) return text;
  return text + fmt::format(", {:.0f} % of the {:.1f} GB/s at which {} {} {:.1f} MB",
                            100 * rate / bound->best_gb_per_s, bound->best_gb_per_s,
                            backend.threads, backend.threads == 1 ? "thread reads" : "threads read",
                            bytes / 1e6);
}

// "  240 of 300 guessed tokens accepted (80 %)"
std::string GuessesText(const ReplyCounts& counts) {
  if (counts.proposed_tokens == 0) return "  no token guessed";
  return fmt::format("  {} of {} guessed tokens accepted ({:.0f} %)", counts.accepted_tokens,
                     counts.proposed_tokens,
                     100.0 * counts.accepted_tokens / counts.proposed_tokens);
}

// What the reply would have taken on the machine that was simulated.
std::string SimulatedText(const SimulatedBackend& simulated) {
  const SimulatedFigures& figures = simulated.figures();
  if (figures.tokens == 0) return "";
  const double clock = simulated.system().chip.clock_hz;
  const auto mean = static_cast<double>(figures.cycles) / static_cast<double>(figures.tokens);
  std::string text = fmt::format(
      "{}: {:.0f} cycles a token (the last: {}), {:.2f} us, {:.0f} tok/s, exact",
      simulated.system().name, mean, figures.last_cycles, mean / clock * 1e6, clock / mean);
  if (const double energy = simulated.energy_j(); energy > 0) {
    text += fmt::format("; at least {:.1f} uJ", energy * 1e6);
  }
  return text + "\n";
}

}  // namespace

std::string Timings(const Reply& reply, const Backend& backend, double load_s, std::uint64_t seed,
                    Guessing guessing) {
  std::string text = fmt::format("\nended by {}; seed {}\n", EndText(reply, backend), seed) +
                     fmt::format("{:<7} {:9.1f} ms\n", "load", load_s * 1e3);
  if (reply.prefill_s <= 0) return text;
  text += PrefillLine(reply) + "\n";
  const int decoded = reply.new_tokens - 1;
  const std::string simulated =
      backend.simulated == nullptr ? "" : SimulatedText(*backend.simulated);
  if (decoded < 1 || reply.decode_s <= 0) return text + simulated;
  const std::int64_t middle = reply.prompt_tokens + reply.new_tokens / 2;
  const double bytes = backend.plan == nullptr ? 0 : backend.plan->bytes_per_token(middle);
  text += Line("decode", reply.decode_s, decoded);
  switch (guessing) {
    case Guessing::kOff:
      return text + BandwidthText(backend, bytes, decoded / reply.decode_s) + "\n" + simulated;
    case Guessing::kOn:  // a step is several tokens, and perhaps two models: no bytes a token
      return text + GuessesText(reply.counts) + "\n";
  }
  MILLRACE_CHECK(false);
  return text;
}

}  // namespace millrace
