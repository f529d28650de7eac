"""Does one job with the PyPI client discord-webhook, and prints what came of it as JSON.

The job is the only argument: {"do": [...], "url", "options", "embeds", "then"}.
"""

import json
import sys

from discord_webhook import DiscordEmbed, DiscordWebhook


def main() -> None:
    job = json.loads(sys.argv[1])
    hook = DiscordWebhook(url=job["url"], **job.get("options", {}))
    for parts in job.get("embeds", []):
        fields = parts.pop("fields", [])
        embed = DiscordEmbed(**parts)
        for field in fields:
            embed.add_embed_field(**field)
        hook.add_embed(embed)
    answers = []
    try:
        for verb in job["do"]:
            if verb == "edit":
                hook.content = job["then"]
            response = getattr(hook, verb)()
            answers.append({"status": response.status_code, "body": response.text})
        said = {"answers": answers}
    except Exception as error:  # The test judges which errors are right.
        said = {"answers": answers, "error": {"kind": type(error).__name__, "message": str(error)}}
    print(json.dumps(said))


main()
