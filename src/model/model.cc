#include "model/model.h"

#include <utility>

#include "model/architectures.h"
#include "model/tokenizer_of_checkpoint.h"

namespace millrace {
namespace {

Result<Tokenizer> BuildTokenizer(const Checkpoint& checkpoint, const ModelConfig& config) {
  MILLRACE_TRY(Tokenizer tokenizer, TokenizerOf(checkpoint));
  const auto rows = static_cast<std::size_t>(config.vocabulary);
  if (tokenizer.vocabulary_size() > rows) {
    return Invalid("{}: the vocabulary has {} tokens, token_embd.weight has {} rows",
                   checkpoint.name(), tokenizer.vocabulary_size(), rows);
  }
  return tokenizer;
}

}  // namespace

Model::Model(Checkpoint checkpoint, ModelConfig config, Graph graph, Result<Tokenizer> tokenizer)
    : checkpoint_(std::move(checkpoint)),
      config_(std::move(config)),
      graph_(std::move(graph)),
      tokenizer_(std::move(tokenizer)) {}

Result<Model> Model::Load(const std::string& path, std::int64_t context) {
  MILLRACE_TRY(Checkpoint checkpoint, Checkpoint::Load(path));
  return FromCheckpoint(std::move(checkpoint), context);
}

Result<Model> Model::FromCheckpoint(Checkpoint checkpoint, std::int64_t context) {
  MILLRACE_TRY(const Architecture architecture, FindArchitecture(checkpoint));
  MILLRACE_TRY(ModelConfig config, ParseConfig(checkpoint));
  config.planned_context = context;
  MILLRACE_TRY(Graph graph, architecture.build_graph(config, checkpoint));
  Result<Tokenizer> tokenizer = BuildTokenizer(checkpoint, config);
  return Model(std::move(checkpoint), std::move(config), std::move(graph), std::move(tokenizer));
}

}  // namespace millrace
