#include "host/head_attention.h"

#include "host/attend.h"

namespace millrace {
namespace {

class Layer {
 public:
  Layer(const ThreadStep& step, std::size_t layer, const PreparedInput& input)
      : step_(step),
        layer_(layer),
        input_(input),
        part_(step.plan.transformer().layers[layer].attention),
        inputs_(std::get<HeadAttention>(part_.inputs)) {}

  // Projects the queries to `query` and puts keys and values into the cache.
  void Project(const HeadRows& rows, float* query) const {
    const std::size_t head_dim = step_.shape.head_dim;
    step_.Linear(rows.query, input_, step_.tokens, query, rows.query.stride());
    step_.Linear(rows.key, input_, step_.tokens, step_.own.key, rows.key.stride());
    step_.Linear(rows.value, input_, step_.tokens, step_.own.value, rows.value.stride());
    const bool makes_kv = rows.key.packed.rows != 0;
    for (std::size_t t = 0; t < step_.tokens; ++t) {
      const BatchRow& row = step_.batch.rows[t];
      for (std::size_t h = 0; h < rows.heads; ++h) {
        NormAndRotate(inputs_.query_norm, inputs_.query_rope, row.position,
                      query + t * rows.query.stride() + h * head_dim);
      }
      if (!makes_kv) continue;
      float* key = step_.own.key + t * rows.key.stride();
      NormAndRotate(inputs_.key_norm, inputs_.key_rope, row.position, key);
      step_.cache.store(key, head_dim, step_.own.value + t * rows.value.stride(),
                        step_.shape.value_dim, row.position % kKvBlock,
                        step_.plan.keys(*row.sequence, row.position, layer_, rows.kv_head),
                        step_.plan.values(*row.sequence, row.position, layer_, rows.kv_head));
    }
  }

  void AttendWith(const HeadRows& rows, const float* query) const {
    Attend(step_, part_.attention,
           {.data = query,
            .stride = rows.query.stride(),
            .first_head = rows.first_head,
            .heads = rows.heads,
            .kv_head = rows.kv_head},
           step_.buffers.attention + rows.first_head * step_.shape.value_dim,
           step_.shape.attention_columns);
  }

 private:
  void NormAndRotate(const std::optional<Norm>& norm, const std::optional<Rope>& rope,
                     std::size_t position, float* head) const {
    if (norm) step_.Normalise(*norm, head, step_.shape.head_dim);
    if (rope) step_.Rotate(*rope, position, head);
  }

  const ThreadStep& step_;
  std::size_t layer_;
  const PreparedInput& input_;
  const AttentionPart& part_;
  const HeadAttention& inputs_;
};

}  // namespace

void AttendHeads(const ThreadStep& step, std::size_t layer, const PreparedInput& input) {
  const Layer part(step, layer, input);
  const std::vector<HeadRows>& heads = step.share.layers[layer].heads;
  if (!step.shape.kv_is_shared) {
    for (const HeadRows& rows : heads) {
      part.Project(rows, step.own.query);
      part.AttendWith(rows, step.own.query);
    }
    return;
  }
  float* query = step.own.query;
  for (const HeadRows& rows : heads) {
    part.Project(rows, query);
    query += step.tokens * rows.query.stride();
  }
  step.team.Barrier();  // keys and values of other threads
  query = step.own.query;
  for (const HeadRows& rows : heads) {
    part.AttendWith(rows, query);
    query += step.tokens * rows.query.stride();
  }
}

}  // namespace millrace
