#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What can be said of launchd's property lists without launchd: that they are well-formed, that each key is one of
launchd.plist(5) with a value of its type, that the program is where `make install` puts it and takes these options.

usage: plists.py LIBEXECDIR LEASHD FILE…
"""
import os
import plistlib
import subprocess
import sys

# launchd.plist(5), macOS 14
KEYS = {
    "Label": str, "Disabled": bool, "UserName": str, "GroupName": str, "Program": str, "ProgramArguments": list,
    "BundleProgram": str, "EnableGlobbing": bool, "EnableTransactions": bool, "EnablePressuredExit": bool, "KeepAlive": (bool, dict),
    "RunAtLoad": bool, "RootDirectory": str, "WorkingDirectory": str, "EnvironmentVariables": dict, "Umask": (int, str),
    "TimeOut": int, "ExitTimeOut": int, "ThrottleInterval": int, "InitGroups": bool, "WatchPaths": list, "QueueDirectories": list,
    "StartOnMount": bool, "StartInterval": int, "StartCalendarInterval": (dict, list), "StandardInPath": str,
    "StandardOutPath": str, "StandardErrorPath": str, "Debug": bool, "WaitForDebugger": bool, "SoftResourceLimits": dict,
    "HardResourceLimits": dict, "Nice": int, "ProcessType": str, "AbandonProcessGroup": bool, "LowPriorityIO": bool,
    "LowPriorityBackgroundIO": bool, "MaterializeDatalessFiles": bool, "LaunchOnlyOnce": bool, "MachServices": dict, "Sockets": dict,
    "LaunchEvents": dict, "HopefullyExitsLast": bool, "HopefullyExitsFirst": bool, "SessionCreate": bool,
    "LegacyTimers": bool, "LimitLoadToSessionType": (str, list), "LimitLoadToHardware": dict, "LimitLoadFromHardware": dict,
    "AssociatedBundleIdentifiers": (str, list),
}
LIMITS = {"Core", "CPU", "Data", "FileSize", "MemoryLock", "NumberOfFiles", "NumberOfProcesses", "ResidentSetSize", "Stack"}
SESSIONS = {"Aqua", "Background", "LoginWindow", "StandardIO", "System"}
TYPES = {"Background", "Standard", "Adaptive", "Interactive"}


def complaints(path, libexecdir, options):
    with open(path, "rb") as f:
        try:
            top = plistlib.load(f, fmt=plistlib.FMT_XML)
        except Exception as e:  # expat and plistlib have several
            return [f"is no property list: {e}"]
    found = []
    for key, value in top.items():
        if key not in KEYS:
            found.append(f"{key}: launchd.plist(5) has no such key")
        elif not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is int):
            found.append(f"{key}: of type {type(value).__name__}")
    if top.get("Label") != os.path.basename(path).removesuffix(".plist"):
        found.append("Label: is not the file's name")
    found += [f"{key}: {name} is no limit" for key in ("SoftResourceLimits", "HardResourceLimits")
              for name, n in top.get(key, {}).items() if name not in LIMITS or not isinstance(n, int)]
    if top.get("ProcessType", "Standard") not in TYPES:
        found.append(f"ProcessType: {top['ProcessType']}")
    if top.get("LimitLoadToSessionType", "Aqua") not in SESSIONS:
        found.append(f"LimitLoadToSessionType: {top['LimitLoadToSessionType']}")
    words = top.get("ProgramArguments") or [""]
    if words[0] != os.path.join(libexecdir, "leashd"):
        found.append(f"ProgramArguments: {words[0]} is not where leashd is installed, {libexecdir}")
    found += [f"ProgramArguments: leashd has no {w}" for w in words[1:] if w.startswith("--") and w not in options]
    return found


def main():
    libexecdir, leashd, *files = sys.argv[1:]
    usage = subprocess.run([leashd, "--help"], capture_output=True, text=True, check=True).stdout
    options = {w for w in usage.replace("[=FILE]", " ").replace(",", " ").split() if w.startswith("--")}
    bad = 0
    for path in files:
        for what in complaints(path, libexecdir, options):
            print(f"{path}: {what}")
            bad = 1
    return bad or (not files)


sys.exit(main())
