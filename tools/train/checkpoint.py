"""A trained model back from its checkpoint, as trained or with its matrices through Q8_0."""

import sentencepiece
import torch

import quantise
from model import Transformer


def through_q8_0(weight):
    if weight.ndim == 1:
        return weight
    return torch.from_numpy(quantise.dequantise(*quantise.quantise(weight.numpy())))


def load_model(path, quantised):
    state = torch.load(path, map_location="cpu")
    model = Transformer(state["shape"])
    weights = state["model"]
    if quantised:
        weights = {name: through_q8_0(weight) for name, weight in weights.items()}
    model.load_state_dict(weights)
    return model.eval()


def load_tokenizer(path):
    return sentencepiece.SentencePieceProcessor(model_file=str(path))
