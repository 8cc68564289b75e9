module example.com/modelarts

go 1.19
