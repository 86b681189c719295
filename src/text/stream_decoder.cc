#include "text/stream_decoder.h"

#include <string_view>

namespace millrace {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, StreamStart start, ShowSpecial show)
    : tokenizer_(&tokenizer),
      start_(start),
      show_(show),
      strip_space_(start == StreamStart::kText && tokenizer.drops_first_space()) {}

std::string StreamDecoder::Push(TokenId token) {
  const bool is_hidden = show_ == ShowSpecial::kNo && tokenizer_->IsSpecial(token);
  if (is_hidden || !tokenizer_->Contains(token)) return {};
  std::string_view bytes = tokenizer_->Bytes(token);
  if (strip_space_ && bytes.starts_with(' ')) bytes.remove_prefix(1);
  strip_space_ = false;
  return utf8_.Push(bytes);
}

std::string StreamDecoder::Flush() {
  strip_space_ = start_ == StreamStart::kText && tokenizer_->drops_first_space();
  return utf8_.Flush();
}

}  // namespace millrace
