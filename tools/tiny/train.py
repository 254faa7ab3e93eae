"""The command that makes the built-in small model, step by step: autoencoder, cache, diffusion, export, sheet, check.

Every step reads and writes one work folder, which is not kept in the repository.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from PIL import Image

from tools.tiny import autoencoder, checks, diffusion, latents, pictures
from tools.tiny.export import export_random, write_model
from tools.tiny.reading import Reader
from tools.tiny.sample import Model, sample

SHEET_PROMPTS = (
    "a red house under a yellow sun",
    "a blue boat on the sea at night",
    "a green tree next to a brown house",
    "a white moon over a purple mountain",
    "a pink flower on a yellow background",
    "a black cat",
    "an orange fish on a blue background",
    "red house",
    "three yellow stars at night",
    "a white cloud over a green hill",
    "a red lighthouse by the sea at sunset",
    "two pink flowers on a white background",
    "a purple star on a green background",
    "a brown tree under a gray cloud",
    "an orange cat to the left of a blue house",
    "a green boat under an orange sun",
    "a white house in the snow",
    "a yellow moon and a white lighthouse at night",
    "a red fish and a green fish",
    "a blue flower to the right of a yellow flower",
    "a house, a tree and a sun",
    "a pink house, a blue tree and a red star at sunset",
    "a gray mountain in winter",
    "a yellow boat on the sea under a white cloud",
)


def run_autoencoder(options: argparse.Namespace) -> None:
    """Trains the autoencoder, then measures it and writes a sheet of reconstructions."""
    autoencoder.train(
        options.work,
        minutes=options.minutes,
        seed=options.seed,
        resume=options.resume,
        device=options.device,
        start=options.start,
    )
    network = autoencoder.load(options.work)
    print(f"autoencoder PSNR on held-out pictures: {autoencoder.measure(network):.2f} dB")
    autoencoder.reconstruct_sheet(network, options.work / "reconstructions.png")


def run_decoder(options: argparse.Namespace) -> None:
    """Trains the decoder alone for longer; latents stay as they are."""
    autoencoder.polish(options.work, minutes=options.minutes, seed=options.seed, device=options.device)
    network = autoencoder.load(options.work)
    print(f"autoencoder PSNR on held-out pictures: {autoencoder.measure(network):.2f} dB")
    autoencoder.reconstruct_sheet(network, options.work / "reconstructions.png")


def run_cache(options: argparse.Namespace) -> None:
    """Draws and encodes the pool that the diffusion training starts from."""
    network = autoencoder.load(options.work).to(options.device)
    scale = latents.measure_scale(network, options.device)
    buckets = latents.fill(network, scale, count=options.count, seed=options.seed, device=options.device)
    latents.save(options.work / "latents.pt", buckets, scale)
    print(f"scaling_factor {scale:.5f}")


def run_diffusion(options: argparse.Namespace) -> None:
    """Trains the denoiser and the text encoder."""
    settings = diffusion.TrainSettings(
        minutes=options.minutes,
        seed=options.seed,
        device=options.device,
        batch=options.batch,
        fresh=options.fresh,
    )
    trainer = diffusion.Trainer(options.work, settings)
    if options.resume:
        trainer.resume()
    trainer.run()


def run_export(options: argparse.Namespace) -> None:
    """Writes the model folder from the checkpoints, or untrained weights with --random."""
    if options.random:
        print(f"{export_random(options.target, options.seed)} bytes of untrained weights")
        return
    network = autoencoder.load(options.work)
    _, scale = latents.load(options.work / "latents.pt")
    network.register_to_config(scaling_factor=round(scale, 6))
    preview = latents.fit_preview(network, scale)
    unet, text = diffusion.load(options.work)
    size = write_model(options.target, unet=unet, autoencoder=network, text=text, preview=preview)
    print(f"{size} bytes of weights")


def run_sheet(options: argparse.Namespace) -> None:
    """Draws the contact sheet of 24 prompts with exported weights, in the shape of --ar 3:2."""
    model = Model.load(options.target)
    made = []
    for at in range(0, len(SHEET_PROMPTS), 8):
        prompts = list(SHEET_PROMPTS[at : at + 8])
        made += sample(model, prompts, width=160, height=104, seed=options.seed + at, guidance=options.guidance)
    pictures.save_grid(options.out, made, columns=4)


def run_check(options: argparse.Namespace) -> None:
    """Measures exported weights on prompts that were never trained on; exits with 1 where they miss a bar."""
    started = time.perf_counter()
    model = Model.load(options.target)
    loaded = time.perf_counter()
    sample(model, [SHEET_PROMPTS[0]], width=160, height=104, seed=1)
    drawn = time.perf_counter()
    threads = torch.get_num_threads()
    print(f"loaded in {loaded - started:.2f} s; 160x104 in 20 steps in {drawn - loaded:.2f} s on {threads} threads")
    reader = Reader()
    plain = checks.plain_prompts(options.count, options.seed)
    landscapes = checks.landscape_prompts(options.count // 2, options.seed)

    def draw(prompts: list[str], size: tuple[int, int], seed: int) -> list[Image.Image]:
        made: list[Image.Image] = []
        for at in range(0, len(prompts), 8):
            part = prompts[at : at + 8]
            made += sample(model, part, width=size[0], height=size[1], seed=seed + at, guidance=options.guidance)
            print(f"\r{len(made)} of {len(prompts)} pictures", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return made

    shares = checks.check_reader(reader, plain, landscapes)
    shares += checks.check_model(reader, plain, landscapes, draw, options.seed)
    print(*shares, sep="\n")
    sys.exit(not all(share.passed for share in shares))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("out/tiny"), help="folder for checkpoints and pools")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves the library's choice")
    steps = parser.add_subparsers(dest="step", required=True)
    trainings = (
        ("autoencoder", run_autoencoder, 18.0),
        ("decoder", run_decoder, 8.0),
        ("diffusion", run_diffusion, 60.0),
    )
    for name, action, minutes in trainings:
        step = steps.add_parser(name, help=action.__doc__)
        step.set_defaults(action=action)
        step.add_argument("--minutes", type=float, default=minutes, help="wall-clock minutes of the whole training")
        step.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
        step.add_argument("--start", type=Path, help="folder of an exported model whose weights to begin from")
        step.add_argument("--batch", type=int, default=64)
        step.add_argument("--fresh", type=int, default=4, help="new pictures drawn at each diffusion step")
    step = steps.add_parser("cache", help=run_cache.__doc__)
    step.set_defaults(action=run_cache)
    step.add_argument("--count", type=int, default=40_000)
    for name, action in (("export", run_export), ("sheet", run_sheet), ("check", run_check)):
        step = steps.add_parser(name, help=action.__doc__)
        step.set_defaults(action=action)
        step.add_argument("--target", type=Path, default=Path("config/models/tiny"))
        step.add_argument("--random", action="store_true", help="export: untrained weights")
        step.add_argument("--out", type=Path, default=Path("config/models/tiny/sheet.png"))
        step.add_argument("--count", type=int, default=200, help="check: plain prompts; half as many landscapes")
        step.add_argument("--guidance", type=float, default=4.0)
    return parser.parse_args()


def main() -> None:
    """Runs the asked step."""
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    options.action(options)


if __name__ == "__main__":
    main()
