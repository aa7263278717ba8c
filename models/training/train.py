"""Train the joint backbone, or fine-tune it into one set's model.

    python train.py --data DIR --sets flowers5 waste6 imagenette10 --out backbone.pt
    python train.py --data DIR --sets flowers5 --start backbone.pt --out flowers5.pt

Reads the train split only (`--split fit` leaves the validation tenth out and
reports on it). Writes the exponential moving average of the weights.

One process a core, each with one thread and its part of the batch, the
gradients averaged once a step: on a shared machine this is several times faster
than threads inside each operator.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional

from augment import Augmentation, TrainingPhotos, epoch_batches, mix
from net import SIZE_MULTIPLE, Net, channels_last, load_backbone, parameter_count
from photos import SETS, Photo, labels_of, load_photos, stretch, to_tensor


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of SET/SPLIT/LABEL/*.jpg")
    parser.add_argument("--sets", nargs="+", choices=SETS, required=True)
    parser.add_argument("--split", choices=("fit", "train"), default="train")
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128])
    parser.add_argument(
        "--size-shares", type=float, nargs="+", default=[0.6, 0.4], help="part of the epochs each"
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--cutmix", type=float, default=0.4)
    parser.add_argument("--mixup", type=float, default=0.2)
    parser.add_argument("--area-min", type=float, default=0.25)
    parser.add_argument("--quarter-turns", action="store_true")
    parser.add_argument("--ema-decay", type=float, default=0.998)
    parser.add_argument("--check-sizes", type=int, nargs="+", default=[112, 128, 144, 160])
    parser.add_argument("--check-every", type=int, default=10, help="epochs between validations")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--port", type=int, default=29555, help="on the loopback address")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def size_at(epoch: int, epochs: int, sizes: list[int], shares: list[float]) -> int:
    """The training size of an epoch: the shares of the run, in order."""
    done = (epoch + 0.5) / epochs * sum(shares)
    for size, share in zip(sizes, shares, strict=True):
        if done < share:
            return size
        done -= share
    return sizes[-1]


def optimiser_of(net: Net, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; BatchNorm and biases are not decayed."""
    decayed = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1e-3, fused=True)


def learning_rate_at(step: int, steps: int, peak: float) -> float:
    """A short linear warm-up, then half a cosine to nothing."""
    warm_up = max(1, steps // 25)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


@torch.no_grad()
def follow(average: Net, net: Net, decay: float) -> None:
    """Move the averaged weights and moments towards the net's."""
    for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


@torch.no_grad()
def accuracy(net: nn.Module, photos: list[Photo], size: int) -> float:
    """Top-1 over stretched photos, as the service resizes them."""
    net.eval()
    hits = 0
    for start in range(0, len(photos), 100):
        part = photos[start : start + 100]
        tensors = np.stack([to_tensor(stretch(photo.pixels, size)) for photo in part])
        logits = net(channels_last(torch.from_numpy(tensors).permute(0, 3, 1, 2)))
        truth = torch.tensor([photo.label_index for photo in part])
        hits += int((logits.argmax(1) == truth).sum())
    return hits / len(photos)


def loss_of(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    return functional.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)


def average_gradients(net: Net, processes: int) -> None:
    """One flat all-reduce of the whole gradient."""
    gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= processes
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()


def starting_net(labels: list[str], dropout: float, start: Path | None) -> Net:
    """A new net, or one on another run's weights (its class layer only for equal labels)."""
    net = Net(len(labels), dropout)
    if start:
        saved = torch.load(start, weights_only=True)
        if saved["labels"] == labels:
            net.load_state_dict(saved["state"])
        else:
            load_backbone(net, saved["state"])
    return net.to(memory_format=torch.channels_last)


def train(
    rank: int,
    args: argparse.Namespace,
    labels: list[str],
    fit: list[Photo],
    checks: dict[str, list[Photo]],
) -> None:
    """One process's training; rank 0 keeps the average, reports and saves."""
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{args.port}"
    dist.init_process_group("gloo", address, rank=rank, world_size=args.processes)
    torch.manual_seed(args.seed)
    net = starting_net(labels, args.dropout, args.start)
    average = copy.deepcopy(net)
    torch.manual_seed(args.seed * 100 + rank)
    rng = np.random.default_rng([args.seed, rank])
    photos = TrainingPhotos(
        fit, Augmentation(area_min=args.area_min, quarter_turns=args.quarter_turns)
    )
    optimiser = optimiser_of(net, args.weight_decay)
    steps = args.epochs * (len(fit) // args.batch_size)
    if rank == 0:
        settings = {key: value for key, value in vars(args).items() if not isinstance(value, Path)}
        print(f"settings {settings}")
        print(
            f"photos {len(fit)} labels {len(labels)} parameters {parameter_count(net)}", flush=True
        )

    step = 0
    started = time.monotonic()
    for epoch in range(args.epochs):
        size = size_at(epoch, args.epochs, args.sizes, args.size_shares)
        net.train()
        losses: list[float] = []
        seed = args.seed * 10_000 + epoch
        for indices in epoch_batches(len(fit), args.batch_size, rank, args.processes, seed):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(step, steps, args.learning_rate)
            pixels, truth = photos.batch(indices, size, rng)
            targets = functional.one_hot(truth, len(labels)).float()
            pixels, targets = mix(pixels, targets, args.cutmix, args.mixup, rng)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(channels_last(pixels))
            loss = loss_of(logits, targets, args.label_smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            average_gradients(net, args.processes)
            optimiser.step()
            if rank == 0:
                follow(average, net, min(args.ema_decay, (1 + step) / (10 + step)))
            losses.append(loss.item())
            step += 1
        if rank == 0:
            last = epoch + 1 == args.epochs
            line = f"epoch {epoch + 1}/{args.epochs} size {size} loss {np.mean(losses):.4f}"
            if last or (epoch + 1) % args.check_every == 0:
                torch.save({"labels": labels, "state": average.state_dict()}, args.out)
                for name, held_out in checks.items():
                    shown = [f"{s}:{accuracy(average, held_out, s):.3f}" for s in args.check_sizes]
                    line += f" | {name} validation {' '.join(shown)}"
            print(f"{line} | {time.monotonic() - started:.0f} s", flush=True)
    dist.destroy_process_group()


def main() -> None:
    args = arguments()
    if any(size % SIZE_MULTIPLE for size in args.sizes + args.check_sizes):
        raise SystemExit(f"sizes must be multiples of {SIZE_MULTIPLE}")
    labels: list[str] = []
    fit: list[Photo] = []
    checks: dict[str, list[Photo]] = {}
    for set_name in args.sets:
        fit += load_photos(args.data, set_name, args.split, len(labels))
        if args.split == "fit":
            checks[set_name] = load_photos(args.data, set_name, "validation", len(labels))
        labels += labels_of(args.data, set_name)
    mp.start_processes(
        train, (args, labels, fit, checks), nprocs=args.processes, start_method="fork"
    )


if __name__ == "__main__":
    main()
