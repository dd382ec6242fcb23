from tests.providerkit.sdk import load_sdk

load_sdk()
