// Statements: what Interpreter does with text, blocks, loops and macros.
#include <algorithm>

#include "base/check.h"
#include "jinja/builtins.h"
#include "jinja/failure.h"
#include "jinja/interpreter.h"
#include "jinja/json.h"
#include "jinja/nesting.h"
#include "jinja/print.h"

namespace millrace::jinja {

// A scope of its own inside `parent`, until the end of a C++ block.
class Interpreter::InScope {
 public:
  InScope(Interpreter& interpreter, Scope* parent)
      : interpreter_(interpreter), outer_(interpreter.scope_) {
    interpreter_.scope_ = interpreter_.NewScope(parent);
  }
  ~InScope() {
    interpreter_.Free(interpreter_.scope_);
    interpreter_.scope_ = outer_;
  }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;

 private:
  Interpreter& interpreter_;
  Scope* outer_;
};

// What is written until the end of a C++ block, kept back.
class Interpreter::Capture {
 public:
  explicit Capture(Interpreter& interpreter) : interpreter_(interpreter), outer_(interpreter.out_) {
    interpreter_.out_ = &text_;
  }
  ~Capture() { interpreter_.out_ = outer_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  Value Text() const { return interpreter_.heap_.NewString(text_); }

 private:
  Interpreter& interpreter_;
  std::string* outer_;
  std::string text_;
};

std::string Interpreter::Render(const nlohmann::ordered_json& context) {
  if (!context.is_object()) Fail("the context is no object");
  Scope* variables = NewScope(nullptr);
  scope_ = variables;
  for (const auto& [name, value] : context.items()) {
    SetName(heap_.NewString(name).string(), FromJson(heap_, value, JsonText::kOutlives));
  }
  const InScope scope(*this, variables);
  Run(tree_.body);
  return std::move(output_);
}

Interpreter::Flow Interpreter::Run(const Body& body) {
  for (const Statement* statement : body) {
    if (const Flow flow = Run(*statement); flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::Run(const Statement& statement) {
  line_ = statement.line;
  const Nesting nesting(depth_, options_.limits.deepest);
  heap_.Work(1);
  switch (statement.kind) {
    case Statement::Kind::kText:
      Write(statement.text);
      return Flow::kOn;
    case Statement::Kind::kPrint:
      WriteValue(Evaluate(*statement.value));
      return Flow::kOn;
    case Statement::Kind::kSet:
      Assign(*statement.target, Evaluate(*statement.value));
      return Flow::kOn;
    case Statement::Kind::kSetBlock:
      return RunSetBlock(statement);
    case Statement::Kind::kFor:
      return RunFor(statement);
    case Statement::Kind::kIf:
      return RunIf(statement);
    case Statement::Kind::kWith:
    case Statement::Kind::kScope:
      return RunInScope(statement);
    case Statement::Kind::kMacro:
      SetName(statement.text, MakeMacro(statement));
      return Flow::kOn;
    case Statement::Kind::kCallBlock:
      RunCallBlock(statement);
      return Flow::kOn;
    case Statement::Kind::kFilterBlock:
      return RunFilterBlock(statement);
    case Statement::Kind::kBreak:
      return Flow::kBreak;
    case Statement::Kind::kContinue:
      return Flow::kContinue;
  }
  MILLRACE_CHECK(false);
  return Flow::kOn;
}

Interpreter::Flow Interpreter::RunIf(const Statement& statement) {
  const Statement* branch = &statement;
  while (!IsTrue(Evaluate(*branch->condition))) {
    const Body& otherwise = branch->otherwise;
    const bool is_elif = otherwise.size() == 1 && otherwise[0]->kind == Statement::Kind::kIf;
    if (!is_elif) return Run(otherwise);
    branch = otherwise[0];
    line_ = branch->line;
  }
  return Run(branch->body);
}

Interpreter::Flow Interpreter::RunFor(const Statement& statement) {
  heap_.Charge(sizeof(Loop));
  Loop& loop = loops_.emplace_back();
  loop.statement = &statement;
  loop.scope = scope_;
  if (statement.recursive || statement.condition != nullptr) Keep(scope_);
  loop.items = &Items(Evaluate(*statement.value));
  return RunLoop(loop);
}

Interpreter::Flow Interpreter::RunLoop(Loop& loop) {
  const Statement& statement = *loop.statement;
  while (Pull(loop)) {
    loop.previous = loop.current;
    loop.current = loop.ahead.front();
    loop.ahead.pop_front();
    ++loop.index0;
    const InScope scope(*this, loop.scope);
    SetName("loop", Value::Of(&loop));
    Assign(*statement.target, loop.current);
    if (Run(statement.body) == Flow::kBreak) return Flow::kOn;
  }
  if (loop.index0 >= 0 || statement.otherwise.empty()) return Flow::kOn;
  const InScope scope(*this, loop.scope);
  return Run(statement.otherwise);
}

bool Interpreter::Pull(Loop& loop) {
  if (!loop.ahead.empty()) return true;
  while (loop.at < loop.items->items.size()) {
    heap_.Work(1);
    const Value item = loop.items->items[loop.at++];
    if (loop.statement->condition != nullptr) {
      const InScope scope(*this, loop.scope);
      Assign(*loop.statement->target, item);
      if (!IsTrue(Evaluate(*loop.statement->condition))) continue;
    }
    loop.ahead.push_back(item);
    return true;
  }
  return false;
}

std::size_t Interpreter::LoopLength(Loop& loop) {
  const auto begun = static_cast<std::size_t>(loop.index0 + 1);
  if (loop.statement->condition == nullptr) return loop.items->items.size();
  std::deque<Value> passed = std::move(loop.ahead);
  loop.ahead.clear();
  while (Pull(loop)) {
    heap_.Charge(sizeof(Value));
    passed.push_back(loop.ahead.front());
    loop.ahead.clear();
  }
  loop.ahead = std::move(passed);
  return begun + loop.ahead.size();
}

Value Interpreter::LoopAttribute(Loop& loop, std::string_view name) {
  const auto length = [&] { return static_cast<std::int64_t>(LoopLength(loop)); };
  if (name == "index") return Value::Int(loop.index0 + 1);
  if (name == "index0") return Value::Int(loop.index0);
  if (name == "first") return Value::Bool(loop.index0 == 0);
  if (name == "last") return Value::Bool(!Pull(loop));
  if (name == "length") return Value::Int(length());
  if (name == "revindex") return Value::Int(length() - loop.index0);
  if (name == "revindex0") return Value::Int(length() - loop.index0 - 1);
  if (name == "depth") return Value::Int(loop.depth0 + 1);
  if (name == "depth0") return Value::Int(loop.depth0);
  if (name == "previtem") {
    if (loop.index0 == 0) return Value::Undefined("there is no previous item", Missing::kOther);
    return loop.previous;
  }
  if (name == "nextitem") {
    if (!Pull(loop)) return Value::Undefined("there is no next item", Missing::kOther);
    return loop.ahead.front();
  }
  if (name == "cycle") {
    const auto cycle = [&loop](Interpreter&, const Arguments& arguments) {
      const auto& items = arguments.positional;
      if (items.empty()) Fail("loop.cycle has no items");
      return items[static_cast<std::size_t>(loop.index0) % items.size()];
    };
    return Value::Of(heap_.NewFunction("cycle", cycle));
  }
  if (name == "changed") {
    const auto changed = [&loop](Interpreter& interpreter, const Arguments& arguments) {
      List* list = interpreter.heap().NewList(Sequence::kTuple);
      for (const Value& value : arguments.positional) interpreter.heap().Append(*list, value);
      const Value now = Value::Of(list);
      const bool same =
          loop.last_changed.has_value() && Equal(interpreter.heap(), *loop.last_changed, now);
      loop.last_changed = now;
      return Value::Bool(!same);
    };
    return Value::Of(heap_.NewFunction("changed", changed));
  }
  return Value::Undefined(name, Missing::kAttribute, Kind::kLoop);
}

Value Interpreter::CallLoop(Loop& loop, const Arguments& arguments) {
  if (!loop.statement->recursive)
    Fail("the loop is not marked 'recursive', so it cannot be called");
  if (arguments.positional.size() != 1) Fail("loop() takes 1 argument");
  heap_.Charge(sizeof(Loop));
  Loop& inner = loops_.emplace_back();
  inner.statement = loop.statement;
  inner.scope = loop.scope;
  inner.items = &Items(arguments.positional[0]);
  inner.depth0 = loop.depth0 + 1;
  const int line = line_;
  const Capture capture(*this);
  RunLoop(inner);
  line_ = line;
  return capture.Text();
}

Interpreter::Flow Interpreter::RunInScope(const Statement& statement) {
  const InScope scope(*this, scope_);
  // Values first: none of them sees a name that the block gives.
  std::vector<Value> values;
  for (const auto& [target, value] : statement.assignments) values.push_back(Evaluate(*value));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Assign(*statement.assignments[i].first, values[i]);
  }
  return Run(statement.body);
}

Interpreter::Flow Interpreter::RunSetBlock(const Statement& statement) {
  Value text;
  {
    const Capture capture(*this);
    const InScope scope(*this, scope_);
    if (const Flow flow = Run(statement.body); flow != Flow::kOn) return flow;
    text = capture.Text();
  }
  if (statement.filter != nullptr) text = EvaluateFilter(*statement.filter, &text);
  Assign(*statement.target, text);
  return Flow::kOn;
}

Interpreter::Flow Interpreter::RunFilterBlock(const Statement& statement) {
  Value text;
  {
    const Capture capture(*this);
    const InScope scope(*this, scope_);
    if (const Flow flow = Run(statement.body); flow != Flow::kOn) return flow;
    text = capture.Text();
  }
  WriteValue(EvaluateFilter(*statement.filter, &text));
  return Flow::kOn;
}

void Interpreter::RunCallBlock(const Statement& statement) {
  const Value caller = MakeMacro(statement);
  WriteValue(EvaluateCall(*statement.value, &caller));
}

Value Interpreter::MakeMacro(const Statement& statement) {
  Keep(scope_);
  Scope* scope = scope_;
  const auto call = [&statement, scope](Interpreter& interpreter, const Arguments& arguments) {
    return interpreter.CallMacro(statement, scope, arguments);
  };
  return Value::Of(heap_.NewFunction(statement.text, call));
}

Value Interpreter::CallMacro(const Statement& macro, Scope* scope, const Arguments& arguments) {
  const int line = line_;
  const InScope inner(*this, scope);
  BindParameters(macro, arguments);
  const Capture capture(*this);
  Run(macro.body);
  line_ = line;
  return capture.Text();
}

void Interpreter::BindParameters(const Statement& macro, const Arguments& arguments) {
  const std::string_view name = macro.text;
  const auto& parameters = macro.parameters;
  const auto& given = arguments.positional;
  if (given.size() > parameters.size() && !macro.takes_varargs) {
    Fail("{}() takes at most {} arguments, not {}", name, parameters.size(), given.size());
  }
  auto named = arguments.named;
  const auto take_named = [&](std::string_view wanted) -> std::optional<Value> {
    const auto found = std::find_if(named.begin(), named.end(),
                                    [&](const auto& argument) { return argument.first == wanted; });
    if (found == named.end()) return std::nullopt;
    const Value value = found->second;
    named.erase(found);
    return value;
  };
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (i < given.size()) {
      SetName(parameter.name, given[i]);
    } else if (const auto value = take_named(parameter.name); value.has_value()) {
      SetName(parameter.name, *value);
    } else if (parameter.fallback != nullptr) {
      SetName(parameter.name, Evaluate(*parameter.fallback));
    } else {
      SetName(parameter.name, Value::Undefined(parameter.name, Missing::kName));
    }
  }
  if (const auto caller = take_named("caller"); caller.has_value()) SetName("caller", *caller);
  if (!named.empty() && !macro.takes_kwargs) {
    Fail("{}() takes no argument named '{}'", name, named[0].first);
  }
  if (macro.takes_varargs) {
    List* rest = heap_.NewList(Sequence::kTuple);
    for (std::size_t i = parameters.size(); i < given.size(); ++i) heap_.Append(*rest, given[i]);
    SetName("varargs", Value::Of(rest));
  }
  if (macro.takes_kwargs) {
    Dict* rest = heap_.NewDict();
    for (const auto& [key, value] : named) heap_.Set(*rest, Value::String(key), value);
    SetName("kwargs", Value::Of(rest));
  }
}

void Interpreter::Assign(const Expression& target, const Value& value) {
  if (target.kind == Expression::Kind::kName) return SetName(target.name, value);
  if (target.kind == Expression::Kind::kTuple) return Unpack(target, value);
  MILLRACE_CHECK(target.kind == Expression::Kind::kAttribute);  // the parser makes no other
  const std::string_view name = target.parts[0]->name;
  const Value space = Lookup(name);
  if (!space.is(Kind::kNamespace)) {
    Fail("'{}' is no namespace(), so its attribute '{}' cannot be set", name, target.name);
  }
  heap_.Set(space.dict(), Value::String(target.name), value);
}

void Interpreter::Unpack(const Expression& target, const Value& value) {
  const std::vector<Value> items = Items(value).items;
  if (items.size() != target.parts.size()) {
    Fail("found {} values to unpack, wanted {}", items.size(), target.parts.size());
  }
  for (std::size_t i = 0; i < items.size(); ++i) Assign(*target.parts[i], items[i]);
}

void Interpreter::Write(std::string_view bytes) {
  heap_.WorkOnText(bytes.size());
  if (out_ != &output_) heap_.Charge(bytes.size());
  if (bytes.size() > options_.limits.most_output_bytes - out_->size()) {
    FailExhausted("the template writes more than {} bytes", options_.limits.most_output_bytes);
  }
  *out_ += bytes;
}

void Interpreter::WriteValue(const Value& value) { Write(Str(heap_, value).string()); }

Scope* Interpreter::NewScope(Scope* parent) {
  if (free_scopes_.empty()) {
    heap_.Charge(sizeof(Scope));
    scopes_.emplace_back();
    free_scopes_.push_back(&scopes_.back());
  }
  Scope* scope = free_scopes_.back();
  free_scopes_.pop_back();
  scope->parent = parent;
  return scope;
}

void Interpreter::Free(Scope* scope) {
  if (scope->is_kept) return;
  scope->names.clear();
  free_scopes_.push_back(scope);
}

void Interpreter::Keep(Scope* scope) {
  for (; scope != nullptr && !scope->is_kept; scope = scope->parent) scope->is_kept = true;
}

void Interpreter::SetName(std::string_view name, const Value& value) {
  auto& names = scope_->names;
  heap_.Work(1 + names.size() / 8);
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != names.end()) {
    found->second = value;
    return;
  }
  if (names.size() == names.capacity()) heap_.Charge((names.size() + 1) * sizeof(names[0]));
  names.emplace_back(name, value);
}

Value Interpreter::Lookup(std::string_view name) {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    heap_.Work(1 + scope->names.size() / 8);
    for (const auto& [known, value] : scope->names) {
      if (known == name) return value;
    }
  }
  if (const auto builtin = FindBuiltin(heap_, name); builtin.has_value()) return *builtin;
  return Value::Undefined(name, Missing::kName);
}

}  // namespace millrace::jinja
