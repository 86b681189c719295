#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/built_in_templates.h"
#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

Tokenizer WithPieces(std::initializer_list<std::string_view> control, bool adds_bos = true) {
  Vocabulary vocabulary = examples::SentencePiece({"▁a", "b"});
  vocabulary.bos = TokenId{1};
  vocabulary.eos = TokenId{2};
  vocabulary.add_bos = adds_bos;
  for (const std::string_view piece : control) {
    vocabulary.pieces.emplace_back(piece);
    vocabulary.scores.push_back(0);
    vocabulary.kinds.push_back(PieceKind::kControl);
  }
  auto tokenizer = Tokenizer::Build(std::move(vocabulary));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

std::string Render(std::string_view name, const Json& messages) {
  const auto source = BuiltInTemplate(name);
  EXPECT_TRUE(source.has_value()) << name;
  const auto chat = ChatTemplate::Parse(*source, std::string(name), WithPieces({}));
  EXPECT_TRUE(chat.ok()) << chat.error().message;
  const auto text = chat->Render({.messages = messages});
  EXPECT_TRUE(text.ok()) << text.error().message;
  return *text;
}

const Json kWithSystem = {{{"role", "system"}, {"content", "Be brief."}},
                          {{"role", "user"}, {"content", "Hello"}},
                          {{"role", "assistant"}, {"content", " Hi! "}},
                          {{"role", "user"}, {"content", "Why?"}}};
const Json kWithoutSystem = {{{"role", "user"}, {"content", " Hello "}},
                             {{"role", "assistant"}, {"content", "Hi!"}},
                             {{"role", "user"}, {"content", "Why?"}}};

struct Expected {
  std::string_view name, with_system, without_system;
};

// What llama.cpp's llama_chat_apply_template (0.5.0 of libllama) makes of the two conversations;
// its llama2 with a system message is its "llama2-sys".
const Expected kExpected[] = {
    {"chatml",
     "<|im_start|>system\nBe "
     "brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n Hi! "
     "<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
     "<|im_start|>user\n Hello "
     "<|im_end|>\n<|im_start|>assistant\nHi!<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_"
     "start|>assistant\n"},
    {"llama2", "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Hi! </s>[INST] Why? [/INST]",
     "[INST]  Hello  [/INST]Hi!</s>[INST] Why? [/INST]"},
    {"llama3",
     "<|start_header_id|>system<|end_header_id|>\n\nBe "
     "brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|"
     ">assistant<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<"
     "|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
     "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_"
     "header_id|>\n\nHi!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|><|"
     "start_header_id|>assistant<|end_header_id|>\n\n"},
    {"gemma",
     "<start_of_turn>user\nBe "
     "brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi!<end_of_turn>\n<start_of_turn>"
     "user\nWhy?<end_of_turn>\n<start_of_turn>model\n",
     "<start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\nHi!<end_of_turn>\n<start_of_"
     "turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"},
    {"phi3",
     "<|system|>\nBe brief.<|end|>\n<|user|>\nHello<|end|>\n<|assistant|>\n Hi! "
     "<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n",
     "<|user|>\n Hello <|end|>\n<|assistant|>\nHi!<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n"},
    {"phi4",
     "<|im_start|>system<|im_sep|>Be "
     "brief.<|im_end|><|im_start|>user<|im_sep|>Hello<|im_end|><|im_start|>assistant<|im_sep|> Hi! "
     "<|im_end|><|im_start|>user<|im_sep|>Why?<|im_end|><|im_start|>assistant<|im_sep|>",
     "<|im_start|>user<|im_sep|> Hello "
     "<|im_end|><|im_start|>assistant<|im_sep|>Hi!<|im_end|><|im_start|>user<|im_sep|>Why?<|im_end|"
     "><|im_start|>assistant<|im_sep|>"},
    {"mistral-v1", " [INST] Be brief.\n\nHello [/INST]  Hi! </s> [INST] Why? [/INST]",
     " [INST]  Hello  [/INST] Hi!</s> [INST] Why? [/INST]"},
    {"mistral-v3", "[INST] Be brief.\n\nHello[/INST] Hi!</s>[INST] Why?[/INST]",
     "[INST]  Hello [/INST] Hi!</s>[INST] Why?[/INST]"},
    {"mistral-v3-tekken", "[INST]Be brief.\n\nHello[/INST] Hi! </s>[INST]Why?[/INST]",
     "[INST] Hello [/INST]Hi!</s>[INST]Why?[/INST]"},
    {"mistral-v7",
     "[SYSTEM_PROMPT] Be brief.[/SYSTEM_PROMPT][INST] Hello[/INST]  Hi! </s>[INST] Why?[/INST]",
     "[INST]  Hello [/INST] Hi!</s>[INST] Why?[/INST]"},
    {"deepseek2",
     "Be brief.\n\nUser: Hello\n\nAssistant:  Hi! <｜end▁of▁sentence｜>User: Why?\n\nAssistant:",
     "User:  Hello \n\nAssistant: Hi!<｜end▁of▁sentence｜>User: Why?\n\nAssistant:"},
    {"deepseek3",
     "Be brief.\n\n<｜User｜>Hello<｜Assistant｜> Hi! "
     "<｜end▁of▁sentence｜><｜User｜>Why?<｜Assistant｜>",
     "<｜User｜> Hello <｜Assistant｜>Hi!<｜end▁of▁sentence｜><｜User｜>Why?<｜Assistant｜>"},
    {"zephyr",
     "<|system|>\nBe brief.<|endoftext|>\n<|user|>\nHello<|endoftext|>\n<|assistant|>\n Hi! "
     "<|endoftext|>\n<|user|>\nWhy?<|endoftext|>\n<|assistant|>\n",
     "<|user|>\n Hello "
     "<|endoftext|>\n<|assistant|>\nHi!<|endoftext|>\n<|user|>\nWhy?<|endoftext|>\n<|assistant|>"
     "\n"},
    {"vicuna", "Be brief.\n\nUSER: Hello\nASSISTANT:  Hi! </s>\nUSER: Why?\nASSISTANT:",
     "USER:  Hello \nASSISTANT: Hi!</s>\nUSER: Why?\nASSISTANT:"},
    {"granite",
     "<|start_of_role|>system<|end_of_role|>Be "
     "brief.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Hello<|end_of_text|>\n<|start_of_"
     "role|>assistant<|end_of_role|> Hi! "
     "<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n<|start_of_role|>"
     "assistant<|end_of_role|>",
     "<|start_of_role|>user<|end_of_role|> Hello "
     "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>Hi!<|end_of_text|>\n<|start_of_"
     "role|>user<|end_of_role|>Why?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"},
};

TEST(BuiltInTemplates, MakeTheTextsOfLlamaCpp) {
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(Render(expected.name, kWithSystem), expected.with_system) << expected.name;
    EXPECT_EQ(Render(expected.name, kWithoutSystem), expected.without_system) << expected.name;
  }
  EXPECT_EQ(BuiltInTemplateNames().size(), std::size(kExpected));
}

TEST(BuiltInTemplates, TheBeginningOfAReplyIsAllThatAPromptAdds) {
  const Json messages = {{{"role", "user"}, {"content", "Q"}},
                         {{"role", "assistant"}, {"content", "The answer"}}};
  for (const std::string_view name : BuiltInTemplateNames()) {
    const auto chat = ChatTemplate::Parse(*BuiltInTemplate(name), "t", WithPieces({}));
    ASSERT_TRUE(chat.ok());
    const std::string without =
        *chat->Render({.messages = messages, .add_generation_prompt = false});
    const std::string with = *chat->Render({.messages = messages});
    EXPECT_TRUE(with.starts_with(without)) << name;
    EXPECT_GT(without.size(), without.find("The answer") + 10) << name << ": no end of the turn";
    const bool is_bracketed = name.starts_with("llama2") || name.starts_with("mistral");
    EXPECT_EQ(with == without, is_bracketed) << name;
  }
}

TEST(BuiltInTemplates, UnknownNamesAreNothing) {
  EXPECT_EQ(BuiltInTemplate("nosuch"), std::nullopt);
  EXPECT_EQ(BuiltInTemplate("mistral"), BuiltInTemplate("mistral-v3"));
  EXPECT_EQ(BuiltInTemplate("deepseek"), BuiltInTemplate("deepseek3"));
}

TEST(ChatTemplate, SeesTheSpecialTokensAndWhatIsGivenBeside) {
  const auto chat = ChatTemplate::Parse(
      "{{ bos_token }}|{{ eos_token }}|{{ pad_token is defined }}|{{ tools is none }}|"
      "{{ documents is none }}|{{ add_generation_prompt }}|{{ enable_thinking }}|"
      "{{ strftime_now('%Y') }}",
      "t", WithPieces({}));
  ASSERT_TRUE(chat.ok());
  const auto text = chat->Render({.more = {{"enable_thinking", false}}, .now_s = 0});
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text, "<s>|</s>|False|True|True|True|False|1970");
}

TEST(ChatTemplate, ARefusedConversationIsAnErrorOfItsName) {
  const auto chat = ChatTemplate::Parse("\n{{ raise_exception('System role not supported') }}",
                                        "m.gguf", WithPieces({}));
  ASSERT_TRUE(chat.ok());
  EXPECT_EQ(chat->Render({}).error().message, "m.gguf:2: System role not supported");
  EXPECT_EQ(ChatTemplate::Parse("{% if %}", "m.gguf", WithPieces({})).error().message,
            "m.gguf:1: found '%}', wanted an expression");
}

TEST(GuessTemplate, GoesByTheSpecialTokens) {
  EXPECT_EQ(GuessTemplate(WithPieces({"<|im_start|>", "<|im_end|>"})), "chatml");
  EXPECT_EQ(GuessTemplate(WithPieces({"<|im_start|>", "<|im_sep|>"})), "phi4");
  EXPECT_EQ(GuessTemplate(WithPieces({"<|start_header_id|>"})), "llama3");
  EXPECT_EQ(GuessTemplate(WithPieces({"<start_of_turn>"})), "gemma");
  EXPECT_EQ(GuessTemplate(WithPieces({"<|assistant|>", "<|end|>"})), "phi3");
  EXPECT_EQ(GuessTemplate(WithPieces({"[INST]", "[/INST]"})), "mistral-v3");
  EXPECT_EQ(GuessTemplate(WithPieces({})), std::nullopt);
}

TEST(EncodeChat, PutsBosInFrontOnce) {
  const Tokenizer tokenizer = WithPieces({"<|im_start|>"});
  const std::vector<TokenId> without = EncodeChat(tokenizer, "<|im_start|>b");
  const std::vector<TokenId> with = EncodeChat(tokenizer, "<s><|im_start|>b");
  EXPECT_EQ(without, with);
  EXPECT_EQ(without[0], TokenId{1});
  EXPECT_EQ(without[1], tokenizer.Find("<|im_start|>"));
  EXPECT_EQ(EncodeChat(WithPieces({}, /*adds_bos=*/false), "b").front(),
            WithPieces({}).Encode("b", {.add_special = false}).front());
}

TEST(EncodeChat, PutsNoEosAtTheEnd) {
  Vocabulary vocabulary = examples::SentencePiece({"▁a"});
  vocabulary.bos = TokenId{1};
  vocabulary.eos = TokenId{2};
  vocabulary.add_bos = vocabulary.add_eos = true;
  const auto tokenizer = Tokenizer::Build(std::move(vocabulary));
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_EQ(tokenizer->Encode("a").back(), TokenId{2});
  EXPECT_NE(EncodeChat(*tokenizer, "a").back(), TokenId{2});
}

}  // namespace
}  // namespace millrace
