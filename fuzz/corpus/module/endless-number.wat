(module binary "\00asm\01\00\00\00\05\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")
