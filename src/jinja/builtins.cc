#include "jinja/builtins.h"

#include <memory>

#include "jinja/failure.h"
#include "jinja/interpreter.h"
#include "jinja/named_functions.h"
#include "jinja/parameters.h"
#include "jinja/print.h"
#include "jinja/sequences.h"
#include "jinja/strftime.h"

namespace millrace::jinja {
namespace {

constexpr std::int64_t kLongestRange = 100'000;  // as Jinja2's sandbox has it

std::int64_t RangeSize(std::int64_t begin, std::int64_t end, std::int64_t step) {
  if (step > 0 ? begin >= end : begin <= end) return 0;
  const auto distance = step > 0
                            ? static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin)
                            : static_cast<std::uint64_t>(begin) - static_cast<std::uint64_t>(end);
  const std::uint64_t stride =
      step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t size = (distance - 1) / stride + 1;
  if (size > static_cast<std::uint64_t>(kLongestRange)) {
    Fail("Range too big. The sandbox blocks ranges larger than {}.", kLongestRange);
  }
  return static_cast<std::int64_t>(size);
}

Value Range(Interpreter& interpreter, const Arguments& arguments) {
  const Parameters parameters("range", arguments, {"start", "stop", "step"}, 1);
  const bool has_stop = parameters.Get(1) != nullptr;
  const std::int64_t first = parameters.Int(0, 0);
  const std::int64_t begin = has_stop ? first : 0;
  const std::int64_t end = has_stop ? parameters.Int(1, 0) : first;
  const std::int64_t step = parameters.Int(2, 1);
  if (step == 0) Fail("range() arg 3 must not be zero");
  List* range = interpreter.heap().NewList(Sequence::kRange);
  const std::int64_t size = RangeSize(begin, end, step);
  for (std::int64_t i = 0; i < size; ++i) {
    interpreter.heap().Append(*range, Value::Int(begin + i * step));
  }
  return Value::Of(range);
}

Value Namespace(Interpreter& interpreter, const Arguments& arguments) {
  Dict* space = interpreter.heap().NewDict();
  FillDict(interpreter, *space, arguments);
  return Value::Of(space, Kind::kNamespace);
}

Value NewDict(Interpreter& interpreter, const Arguments& arguments) {
  Dict* dict = interpreter.heap().NewDict();
  FillDict(interpreter, *dict, arguments);
  return Value::Of(dict);
}

Value RaiseException(Interpreter& interpreter, const Arguments& arguments) {
  const Parameters parameters("raise_exception", arguments, {"message"}, 1);
  Fail("{}", Str(interpreter.heap(), *parameters.Get(0)).string());
}

Value StrftimeNow(Interpreter& interpreter, const Arguments& arguments) {
  const Parameters parameters("strftime_now", arguments, {"format"}, 1);
  const auto& now_s = interpreter.options().now_s;
  if (!now_s.has_value()) Fail("the template asks for the time, and none was given");
  const std::string_view format = parameters.String(0, "");
  interpreter.heap().WorkOnText(32 * format.size());
  return interpreter.heap().NewString(FormatTime(*now_s, format));
}

// A function that gives nothing when called first, and the separator from then on.
Value Joiner(Interpreter& interpreter, const Arguments& arguments) {
  const Parameters parameters("joiner", arguments, {"sep"});
  const Value separator = parameters.Get(0) == nullptr ? Value::String(", ") : *parameters.Get(0);
  bool used = false;
  const auto join = [separator, used](Interpreter&, const Arguments&) mutable {
    return std::exchange(used, true) ? separator : Value::String("");
  };
  return Value::Of(interpreter.heap().NewFunction("joiner", join));
}

// An object with next(), reset() and current.
Value Cycler(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.empty()) Fail("at least one item has to be provided");
  Heap& heap = interpreter.heap();
  List* items = heap.NewList();
  for (const Value& item : arguments.positional) heap.Append(*items, item);
  Dict* cycler = heap.NewDict();
  // How far it is, kept where both functions see it.
  Dict* state = heap.NewDict();
  const auto move = [items, cycler, state](Interpreter& i, std::int64_t to) {
    const auto size = static_cast<std::int64_t>(items->items.size());
    i.heap().Set(*state, Value::None(), Value::Int(to % size));
    i.heap().Set(*cycler, Value::String("current"),
                 items->items[static_cast<std::size_t>(to % size)]);
  };
  const auto next = [cycler, state, move](Interpreter& i, const Arguments&) {
    const Value current = *cycler->Find("current");
    move(i, state->Find(Value::None())->integer() + 1);
    return current;
  };
  const auto reset = [move](Interpreter& i, const Arguments&) {
    move(i, 0);
    return Value::None();
  };
  move(interpreter, 0);
  heap.Set(*cycler, Value::String("next"), Value::Of(heap.NewFunction("next", next)));
  heap.Set(*cycler, Value::String("reset"), Value::Of(heap.NewFunction("reset", reset)));
  return Value::Of(cycler, Kind::kNamespace);
}

}  // namespace

std::optional<Value> FindBuiltin(Heap& heap, std::string_view name) {
  using Builtin = Value (*)(Interpreter&, const Arguments&);
  static const NamedFunctions<Builtin> builtins = {{"range", Range},
                                                   {"namespace", Namespace},
                                                   {"dict", NewDict},
                                                   {"joiner", Joiner},
                                                   {"cycler", Cycler},
                                                   {"raise_exception", RaiseException},
                                                   {"strftime_now", StrftimeNow}};
  const Builtin found = builtins.Find(name);
  if (found == nullptr) return std::nullopt;
  return Value::Of(heap.NewFunction(name, found));
}

}  // namespace millrace::jinja
