// The text form of a graph: what a person reads, and the language of the tests.
//
//     weight token_embd.weight Q8_0 [512, 288]
//     rope_table 0 magnitude 1 frequencies [1, 0.1, 0.01]
//     %0 = embed token_embd.weight : 288
//     %1 = rms_norm %0, blk.0.attn_norm.weight, eps 1e-05 : 288
//     %2 = linear %1, blk.0.attn_q.weight : 288
//     %3 = rope %2, table 0, head_dim 48 : 288
//     %4 = attention query %3, key %3, value %2, layer 0, heads 6, kv_heads 6, head_dim 48,
//          scale 0.14433756 : 288                    (one line)
//     %5 = silu_mul gate %4, up %2 : 288             or gelu_mul, clamped_swiglu_mul
//     %6 = add %4, %5 : 288
//     %7 = scale %6, factor 0.5 : 288
//     %8 = softcap %7, cap 30 : 288
//     %9 = head_slice %8, heads 6, begin 16, size 8 : 48
//     %10 = head_concat %9, %9, heads 6 : 96
//     %11 = route %10, chosen 2, softmax : 96        or softmax_of_chosen, sigmoid
//     %12 = experts %8, routes %11, silu_mul, gate g, up u, down d : 288
//     logits %12
//
// What an operation need not have follows its operands, where it is there, in this order:
//
//     linear      bias NAME, groups N
//     rope        first N, halves
//     attention   value_dim N (if it is not head_dim), window N, softcap X, sinks NAME
//     route       selection_bias NAME, groups N, chosen_groups N, normalise, scale X
//     experts     gate_bias NAME, up_bias NAME, down_bias NAME
//
// Weights and rope tables come first, in the order of their ids, then the operations in the order
// of their values, each with the columns of its value after the colon. Numbers have as many digits
// as it takes to read the same number again.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace millrace {

// The whole graph, every line ended by a newline. Parse (graph/parse.h) reads it back, all but the
// bytes of the weights. The graph need not be verified: a wrong one prints too, so that it can be
// looked at.
std::string Print(const Graph& graph);

// The line of one value, without a newline.
std::string PrintOperation(const Graph& graph, ValueId value);

std::string_view Name(GateKind kind);         // "silu_mul"
std::string_view Name(RouteWeights weights);  // "softmax"

// "embed", "rms_norm", ...: the word after "=".
std::string_view Name(const Operation& operation);

}  // namespace millrace
