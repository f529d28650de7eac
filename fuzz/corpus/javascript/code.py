import os
u = f"https://mirror.example/{os.environ['X']}" 'y'  # 'no'
r = requests.get("""https://mirror.example/z""", headers={'a': r'b\n'})
