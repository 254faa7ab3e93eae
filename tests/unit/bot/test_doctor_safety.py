"""What `atelier doctor` says of the checks."""

from pathlib import Path

from bot.doctor import Health, check_safety
from config.safety_settings import SafetySettings
from config.settings import Settings


def test_a_classifier_is_a_folder_with_a_model(tmp_path: Path) -> None:
    assert check_safety(Settings()).says == "the rules for words"
    settings = Settings(safety=SafetySettings(classifier=tmp_path, hook_url="http://127.0.0.1:9/check"))
    lacking = check_safety(settings)
    assert (lacking.health, lacking.says) == (Health.BAD, f"{tmp_path} has no config.json")
    assert "safety.classifier" in lacking.mend
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    found = check_safety(settings)
    assert found.health is Health.GOOD
    assert "the hook at http://127.0.0.1:9/check" in found.says
