// Which rows of a matrix a plane computes together: its pieces.
//
// A value in parts has a piece for every step of a part; any other is cut into equal pieces of at
// most 240 columns, as many on every plane. All chips of a group have the same pieces, of which the
// last may be shorter, or empty, where a chip has fewer rows.
#include <algorithm>

#include "base/ceil_div.h"
#include "compiler/linear_job.h"

namespace millrace::compiler {

namespace {

// Of the matrix unit: a piece whose first element is not the first of a word then still ends within
// four words, and 240 columns of Q8_0 fill sixteen streams almost exactly (255 of 256 vectors).
constexpr std::int32_t kPieceColumns = 240;
constexpr std::int32_t kGrain = 4;  // elements of a superlane

std::int32_t Largest(const std::vector<Range>& shares) {
  std::int32_t most = 0;
  for (const Range& share : shares) most = std::max(most, share.size());
  return most;
}

}  // namespace

// `columns` rows from the local-th of every member's share on.
Lowering::Piece Lowering::CutPiece(const LinearJob& job, const std::vector<Range>& shares,
                                   std::int32_t local, std::int32_t columns) const {
  Piece piece{.columns = columns};
  for (const Range& share : shares) {
    const std::int32_t begin = std::min(share.begin + local, share.end);
    piece.rows.push_back({begin, std::min(begin + columns, share.end)});
  }
  if (job.groups > 1) {
    const std::int32_t group_rows = static_cast<std::int32_t>(job.columns) / job.groups;
    piece.first_step = piece.rows[0].begin / group_rows * job.x->layout.steps_per_part();
  }
  return piece;
}

std::vector<Lowering::Piece> Lowering::CutParts(const LinearJob& job) const {
  const Layout layout = MakeLayout(job.columns, job.plan.parts, step_elements_);
  std::vector<Range> shares =
      job.plan.spread == Spread::kParts
          ? job.plan.shares
          : std::vector<Range>(static_cast<std::size_t>(members()), Range{0, layout.parts});
  const std::int32_t parts = Largest(shares);
  for (Range& share : shares) {
    share = {share.begin * layout.part_elements, share.end * layout.part_elements};
  }
  std::vector<Piece> pieces;
  for (std::int32_t step = 0; step < parts * layout.steps_per_part(); ++step) {
    const std::int32_t part = step / layout.steps_per_part();
    const std::int32_t within = step % layout.steps_per_part();
    Piece piece = CutPiece(job, shares, part * layout.part_elements + within * layout.step_elements,
                           layout.elements_of(step));
    piece.word = step * 4;
    piece.ends_row = true;
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

std::vector<Range> Lowering::RowShares(const LinearJob& job) const {
  const auto columns = static_cast<std::int32_t>(job.columns);
  std::vector<Range> shares(static_cast<std::size_t>(members()), Range{0, columns});
  for (std::size_t m = 0; m < shares.size(); ++m) {
    if (job.plan.spread == Spread::kLocal) {
      shares[m] = plan_->ElementsOf(job.plan.shares[m], columns);
    } else if (job.plan.spread == Spread::kInPlace) {
      shares[m] = job.plan.shares[m];
    }
  }
  return shares;
}

std::vector<Lowering::Piece> Lowering::CutPieces(const LinearJob& job) const {
  if (job.plan.parts > 1) return CutParts(job);
  const std::vector<Range> shares = RowShares(job);
  const std::int32_t most = Largest(shares), planes = floorplan_.planes();
  const std::int32_t count =
      std::min(CeilDiv(most, kGrain), planes * CeilDiv(most, planes * kPieceColumns));
  const auto bound = [&](std::int32_t n) {
    if (n == count) return most;
    return static_cast<std::int32_t>(std::int64_t{most} * n / count) / kGrain * kGrain;
  };
  const bool whole_words = step_elements_ == 4 * word_elements();
  std::vector<Piece> pieces;
  for (std::int32_t i = 0; i < count; ++i) {
    for (std::int32_t begin = bound(i); begin < bound(i + 1); begin += pieces.back().columns) {
      std::int32_t end = std::min(bound(i + 1), begin + kPieceColumns);
      if (!whole_words) end = std::min(end, (begin / step_elements_ + 1) * step_elements_);
      Piece piece = CutPiece(job, shares, begin, end - begin);
      piece.word = WordOf(begin);
      piece.shift = begin % step_elements_ % word_elements() * 4;
      piece.ends_row = end == most;
      pieces.push_back(std::move(piece));
    }
  }
  return pieces;
}

}  // namespace millrace::compiler
