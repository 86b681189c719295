// One rendering: runs the statements of a tree, evaluates its expressions, calls what they call.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/heap.h"
#include "jinja/syntax_tree.h"
#include "jinja/template.h"
#include "jinja/value.h"

namespace millrace::jinja {

// Variables of a block, and those around it. A macro keeps the scope it was defined in.
struct Scope {
  Scope* parent = nullptr;
  bool is_kept = false;
  std::vector<std::pair<std::string_view, Value>> names;
};

// A for that runs: what is left of it, and what its body may ask (loop.index, ...). Items come one
// by one, since a condition may depend on what the body did; loop.last and the like look ahead.
struct Loop {
  const Statement* statement = nullptr;
  Scope* scope = nullptr;  // around the for
  List* items = nullptr;
  std::size_t at = 0;       // the next one of `items`
  std::deque<Value> ahead;  // passed the condition, not yet run
  std::int64_t index0 = -1;
  std::int64_t depth0 = 0;
  Value previous, current;
  std::optional<Value> last_changed;  // for loop.changed()
};

class Interpreter {
 public:
  Interpreter(const SyntaxTree& tree, const RenderOptions& options)
      : tree_(tree), options_(options), heap_(options.limits) {}

  // Throws Failure; line() then says where.
  std::string Render(const nlohmann::ordered_json& context);
  int line() const { return line_; }

  // What filters, tests, methods and functions work with.
  Heap& heap() { return heap_; }
  const RenderOptions& options() const { return options_; }
  Value Call(const Value& function, const Arguments& arguments);
  Value ApplyFilter(std::string_view name, const Value& value, const Arguments& arguments);
  bool ApplyTest(std::string_view name, const Value& value, const Arguments& arguments);
  // value.name, and value[key].
  Value GetAttribute(const Value& value, std::string_view name);
  Value GetItem(const Value& value, const Value& key);
  // What a for goes through: a list itself, the keys of a dict, the characters of a string.
  List& Items(const Value& value);

  // Parts of the interpreter that Loop needs as functions.
  Value LoopAttribute(Loop& loop, std::string_view name);
  std::size_t LoopLength(Loop& loop);

 private:
  enum class Flow { kOn, kBreak, kContinue };
  class Nesting;
  class Capture;
  class InScope;

  // run.cc
  Flow Run(const Body& body);
  Flow Run(const Statement& statement);
  Flow RunIf(const Statement& statement);
  Flow RunFor(const Statement& statement);
  Flow RunInScope(const Statement& statement);
  Flow RunSetBlock(const Statement& statement);
  Flow RunFilterBlock(const Statement& statement);
  void RunCallBlock(const Statement& statement);
  Flow RunLoop(Loop& loop);
  bool Pull(Loop& loop);  // the next item that passes the condition, to `ahead`
  Value CallLoop(Loop& loop, const Arguments& arguments);
  Value MakeMacro(const Statement& statement);
  Value CallMacro(const Statement& macro, Scope* scope, const Arguments& arguments);
  void BindParameters(const Statement& macro, const Arguments& arguments);
  void Assign(const Expression& target, const Value& value);
  void Unpack(const Expression& target, const Value& value);
  void Write(std::string_view bytes);
  void WriteValue(const Value& value);

  // scopes
  Scope* NewScope(Scope* parent);
  void Free(Scope* scope);
  void Keep(Scope* scope);
  void SetName(std::string_view name, const Value& value);
  Value Lookup(std::string_view name);

  // evaluate.cc
  Value Evaluate(const Expression& expression);
  Value EvaluateParts(const Expression& expression);
  Value EvaluateDict(const Expression& expression);
  Value EvaluateSlice(const Expression& expression);
  Value EvaluateCall(const Expression& expression, const Value* caller = nullptr);
  Value EvaluateCompare(const Expression& expression);
  Value EvaluateConcatenation(const Expression& expression);
  Value EvaluateFilter(const Expression& expression, const Value* block_text);
  Arguments EvaluateArguments(const ArgumentList& list);

  const SyntaxTree& tree_;
  const RenderOptions& options_;
  Heap heap_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> free_scopes_;
  std::deque<Loop> loops_;
  Scope* scope_ = nullptr;
  std::string output_;
  std::string* out_ = &output_;  // or the text of a block that is captured
  int depth_ = 0;
  int line_ = 1;
};

}  // namespace millrace::jinja
