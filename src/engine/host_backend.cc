#include "engine/host_backend.h"

namespace millrace {

HostBackend::HostBackend(HostExecutor host) : host_(std::move(host)) {
  const HostOptions& options = host_.plan().options();
  limits_ = {.vocabulary = static_cast<std::int32_t>(host_.plan().shape().vocabulary),
             .context = options.context,
             .kv_blocks = options.kv_blocks,
             .max_tokens = options.max_tokens,
             .max_logit_rows = options.max_logit_rows,
             .window = host_.plan().window(),
             .window_blocks = host_.plan().window() == 0 ? 0 : options.window_blocks};
}

}  // namespace millrace
