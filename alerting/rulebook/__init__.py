"""What people set without editing a rule: limits, samplings and objectives, written as rule files by `tapwatch rules`.

quantity -> limits -> thresholds ---+
                      samplings ----+-> rulefile -> command
                      objectives ---+
"""
