(module binary "\00asm\01\00\00\00\04\05\ff\ff\ff\ff\0f\05\03\01\00\01")
