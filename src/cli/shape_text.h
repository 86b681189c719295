// A shape (model/shape.h) for a person or a program: its weights, and what a token costs anywhere.
#pragma once

#include <string>

#include "model/model.h"

namespace millrace {

std::string ShapeText(const Model& model, bool json);

}  // namespace millrace
