// A model: what a file says, as configuration, graph and tokenizer. Made once, then only read.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"
#include "text/tokenizer.h"

namespace millrace {

class Model {
 public:
  // Maps the file or the files of a directory; the weights stay there. The errors are those of
  // Checkpoint::Load, of ParseConfig (model/config.h) and of the architecture (model/decoder.h).
  // context: positions that a sequence will have, if that is known (ModelConfig::planned_context).
  static Result<Model> Load(const std::string& path, std::int64_t context = 0);

  // The same from a checkpoint that is already there.
  static Result<Model> FromCheckpoint(Checkpoint checkpoint, std::int64_t context = 0);

  const ModelConfig& config() const { return config_; }
  // Verified. Its weights view the checkpoint: valid as long as this object, also after a move.
  const Graph& graph() const { return graph_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }

  // A model without a tokenizer, or with one that is damaged or not supported, still computes
  // logits from token ids; the error then says why there is no text.
  const Result<Tokenizer>& tokenizer() const { return tokenizer_; }

 private:
  Model(Checkpoint checkpoint, ModelConfig config, Graph graph, Result<Tokenizer> tokenizer);

  Checkpoint checkpoint_;
  ModelConfig config_;
  Graph graph_;
  Result<Tokenizer> tokenizer_;
};

}  // namespace millrace
