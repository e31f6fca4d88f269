using System.Net.Sockets;

namespace Waitress.CPython;

/// <summary>
/// The door into Python: every method that CPython calls is a shell around a try and this catch, because a managed exception
/// that left it would end the process (dotnet/runtime issue 42842).
/// </summary>
internal static class Trap
{
    /// <summary>Sets the Python error that stands for the exception and returns null, as the C API wants it.</summary>
    public static nint Raise(Exception exception)
    {
        // A Python error that is already set (a PythonException was made from it, or a call failed in between) gives way.
        PythonError.Clear();
        switch (exception)
        {
            case RaiseException raise:
                PythonError.Raise(raise.Fault, raise.Message);
                break;
            case IOException or SocketException:
                PythonError.Raise(PythonError.Fault.Os, exception.Message);
                break;
            case ArgumentException:
                PythonError.Raise(PythonError.Fault.Value, exception.Message);
                break;
            default:
                PythonError.Raise(PythonError.Fault.Runtime, $"{exception.GetType().Name}: {exception.Message}");
                break;
        }

        return 0;
    }
}
