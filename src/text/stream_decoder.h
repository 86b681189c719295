// Tokens to text while they are being generated, never half a character.
//
//     StreamDecoder decoder(tokenizer, StreamStart::kAfterPrompt);
//     while (...) Write(decoder.Push(token));
//     Write(decoder.Flush());
//
// A token may end inside a UTF-8 sequence; its last bytes then wait for the next token. Bytes that
// cannot become UTF-8 come out as U+FFFD. If the tokens are well-formed as a whole, everything
// written together is Tokenizer::Decode() of them; otherwise it is that with U+FFFD for each
// mistake.
#pragma once

#include <string>

#include "base/typed_index.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace millrace {

// Where the stream begins. Only matters to vocabularies that put a space in front of a text.
enum class StreamStart {
  kText,  // with a whole text: the first token that is shown loses the space that Encode() put
          // there
  kAfterPrompt,  // in the middle of a text: a space is a space
};

class StreamDecoder {
 public:
  // `tokenizer` must outlive this object.
  StreamDecoder(const Tokenizer& tokenizer, StreamStart start, ShowSpecial show = ShowSpecial::kNo);

  // The text that is certain now; empty at times.
  std::string Push(TokenId token);

  // What was still waiting: U+FFFD or nothing. The decoder is then where a new stream begins.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  StreamStart start_;
  ShowSpecial show_;
  bool strip_space_;
  Utf8Stream utf8_;
};

}  // namespace millrace
