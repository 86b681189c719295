#include "cli/conversation.h"

#include <utility>

#include "cli/clock.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

Json Message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

}  // namespace

Conversation::Conversation(const Tokenizer& tokenizer, std::optional<ChatTemplate> chat_template,
                           Json variables)
    : tokenizer_(tokenizer),
      template_(std::move(chat_template)),
      variables_(std::move(variables)) {}

void Conversation::AddUser(const std::string& text) {
  const bool begins_line = turns_.empty() || turns_.back().text.ends_with('\n');
  const bool continues = is_story() && !text.empty() && !begins_line;
  turns_.push_back({true, continues ? "\n" + text : text});
}

void Conversation::AddReply(const std::string& text) { turns_.push_back({false, text}); }

void Conversation::TakeBackUser() {
  if (!turns_.empty() && turns_.back().is_user) turns_.pop_back();
}

bool Conversation::TakeBackReply() {
  if (turns_.empty() || turns_.back().is_user) return false;
  turns_.pop_back();
  return true;
}

void Conversation::Reset() { turns_.clear(); }

Json Conversation::Messages(bool system_apart) const {
  Json messages = Json::array();
  std::string system = system_;
  if (system_apart && !system.empty()) messages.push_back(Message("system", system));
  for (const Turn& turn : turns_) {
    std::string text = turn.text;
    if (!system_apart && !system.empty() && turn.is_user) {
      text = std::exchange(system, std::string()) + "\n\n" + text;
    }
    messages.push_back(Message(turn.is_user ? "user" : "assistant", text));
  }
  return messages;
}

std::string Conversation::Story() const {
  std::string text = system_;
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  for (const Turn& turn : turns_) text += turn.text;
  return text;
}

Result<std::vector<TokenId>> Conversation::Prompt() const {
  if (is_story()) {
    // As `run` reads a prompt, but for eos, after which nothing would come.
    return EncodeChat(tokenizer_, Story());
  }
  ChatInput input{
      .messages = Messages(/*system_apart=*/true), .more = variables_, .now_s = WallClock()};
  auto text = template_->Render(input);
  if (!text.ok() && !system_.empty()) {
    input.messages = Messages(/*system_apart=*/false);
    if (auto merged = template_->Render(input); merged.ok()) text = std::move(merged);
  }
  if (!text.ok()) return text.error();
  return EncodeChat(tokenizer_, *text);
}

std::string Conversation::ToJson() const {
  Json json = Json::object();
  if (!is_story()) {
    json["messages"] = Messages(/*system_apart=*/true);
  } else {
    json["story"] = Json::array();
    for (const Turn& turn : turns_) json["story"].push_back(turn.text);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<void> Conversation::FromJson(const std::string& text, const std::string& name) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const char* const key = is_story() ? "story" : "messages";
  if (!json.is_object() || !json.contains(key) || !json[key].is_array()) {
    return Invalid("{}: found no JSON object with \"{}\", a list", name, key);
  }
  std::vector<Turn> turns;
  std::string system;
  for (const Json& one : json[key]) {
    if (is_story() && one.is_string()) {
      turns.push_back({turns.size() % 2 == 0, one.get<std::string>()});
      continue;
    }
    const bool is_message = !is_story() && one.is_object() && one.contains("role") &&
                            one.contains("content") && one["role"].is_string() &&
                            one["content"].is_string();
    const std::string role = is_message ? one["role"].get<std::string>() : "";
    if (role == "system" && turns.empty()) {
      system = one["content"].get<std::string>();
    } else if (role == "user" || role == "assistant") {
      turns.push_back({role == "user", one["content"].get<std::string>()});
    } else {
      return Invalid("{}: entry {} of \"{}\" is no {}", name, turns.size(), key,
                     is_story() ? "text" : "message of a system, user or assistant with a text");
    }
  }
  if (!is_story()) system_ = std::move(system);
  turns_ = std::move(turns);
  return {};
}

}  // namespace millrace
