// All heads read one key-value head, so what that needs is divided by rows and met at a barrier:
//
//   compressed query (if any), latent vector, rotated key: own rows   | barrier
//   their norms and rotation, into the cache: own tokens              |
//   norm of the compressed query: own tokens                          | barrier
//   queries, absorbed; attention; expanded: own heads
#include "host/latent_attention.h"

#include <cstring>

#include "host/attend.h"

namespace millrace {
namespace {

class Layer {
 public:
  Layer(const ThreadStep& step, std::size_t layer)
      : step_(step),
        layer_(layer),
        part_(step.plan.transformer().layers[layer].attention),
        inputs_(std::get<LatentAttention>(part_.inputs)),
        rows_(*step.share.layers[layer].latent) {}

  void ProjectOwnRows(const PreparedInput& input) const {
    const auto into = [&](const PackedRows& rows, float* matrix, std::size_t width) {
      step_.LinearInto(rows, input, matrix, width, rows.first_row);
    };
    if (inputs_.query_down) {
      into(rows_.query_down, step_.buffers.query_down, step_.shape.query_down);
    }
    into(rows_.key_latent, step_.buffers.key_latent, step_.shape.latent);
    into(rows_.key_rotated, step_.buffers.key_rotated, step_.shape.rotated);
  }

  void FinishOwnTokens() const {
    const Range own = step_.OwnPart(step_.tokens);
    for (std::size_t t = own.begin; t < own.end; ++t) {
      if (inputs_.query_down) {
        float* query = step_.buffers.query_down + t * step_.shape.query_down;
        step_.Normalise(*inputs_.query_down_norm, query, step_.shape.query_down);
        step_.buffers.query_down_input.Prepare(step_.kernels, query, t);
      }
      Store(t);
    }
  }

  void AttendOwnHeads(const PreparedInput& input) const {
    const std::size_t heads = rows_.heads.size(), stride = heads * step_.shape.head_dim;
    if (heads == 0) return;
    for (std::size_t h = 0; h < heads; ++h) QueryOfHead(input, h, stride);
    const std::size_t latent = step_.shape.latent;
    Attend(step_, part_.attention,
           {.data = step_.own.query,
            .stride = stride,
            .first_head = rows_.heads.begin,
            .heads = heads,
            .kv_head = 0},
           step_.own.latent_out, heads * latent);
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < step_.tokens; ++t) {
        step_.own.latent_input.Prepare(step_.kernels,
                                       step_.own.latent_out + (t * heads + h) * latent, t);
      }
      step_.LinearInto(rows_.expand[h], step_.own.latent_input, step_.buffers.attention,
                       step_.shape.attention_columns, rows_.expand[h].first_row);
    }
  }

 private:
  // The key [latent, rotated] and the value, the latent vector, of token t.
  void Store(std::size_t t) const {
    const std::size_t latent = step_.shape.latent, rotated = step_.shape.rotated;
    const BatchRow& row = step_.batch.rows[t];
    float* vector = step_.buffers.key_latent + t * latent;
    float* rotation = step_.buffers.key_rotated + t * rotated;
    step_.Normalise(inputs_.latent_norm, vector, latent);
    step_.Rotate(inputs_.key_rope, row.position, rotation);
    std::memcpy(step_.own.key, vector, latent * sizeof(float));
    std::memcpy(step_.own.key + latent, rotation, rotated * sizeof(float));
    step_.cache.store(step_.own.key, latent + rotated, vector, latent, row.position % kKvBlock,
                      step_.plan.keys(*row.sequence, row.position, layer_, 0),
                      step_.plan.values(*row.sequence, row.position, layer_, 0));
  }

  // Own head h of all tokens: [absorbed, rotated] to its place in own.query.
  void QueryOfHead(const PreparedInput& input, std::size_t h, std::size_t stride) const {
    const std::size_t nope = step_.shape.nope, rotated = step_.shape.rotated;
    const std::size_t latent = step_.shape.latent, width = PaddedRows(nope + rotated);
    ProjectHead(input, h, width);
    for (std::size_t t = 0; t < step_.tokens; ++t) {
      float* head = step_.own.head_query + t * width;
      step_.own.nope_input.Prepare(step_.kernels, head, t);
      step_.Rotate(inputs_.query_rope, step_.batch.rows[t].position, head + nope);
      std::memcpy(step_.own.query + t * stride + h * step_.shape.head_dim + latent, head + nope,
                  rotated * sizeof(float));
    }
    step_.LinearInto(rows_.absorb[h], step_.own.nope_input, step_.own.query, stride,
                     h * step_.shape.head_dim);
  }

  void ProjectHead(const PreparedInput& input, std::size_t h, std::size_t width) const {
    step_.Linear(rows_.query[h], input, step_.tokens, step_.own.head_query, width);
  }

  const ThreadStep& step_;
  std::size_t layer_;
  const AttentionPart& part_;
  const LatentAttention& inputs_;
  const LatentRows& rows_;
};

}  // namespace

void AttendLatent(const ThreadStep& step, std::size_t layer, const PreparedInput& input) {
  const Layer part(step, layer);
  const auto& inputs =
      std::get<LatentAttention>(step.plan.transformer().layers[layer].attention.inputs);
  part.ProjectOwnRows(input);
  step.team.Barrier();
  part.FinishOwnTokens();
  step.team.Barrier();
  part.AttendOwnHeads(inputs.query_down ? step.buffers.query_down_input : input);
}

}  // namespace millrace
